"""Mail: written with its cause, sealed for its recipient, delivered afterwards."""
