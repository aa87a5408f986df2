"""What was agreed: terms, schemes, parties, documents, and the products with their life cycles."""
