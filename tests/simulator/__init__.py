"""The fault simulator: every statement of posting fails or is delayed in turn, and nothing is lost or done twice."""
