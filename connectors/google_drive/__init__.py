"""Google Drive: Docs, Sheets, Slides and files of chosen folders and shared drives."""
