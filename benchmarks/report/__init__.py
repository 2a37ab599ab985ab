"""What a run has found, for people: tables, pictures, and the page."""
