"""What connectors pull, and what they share."""
