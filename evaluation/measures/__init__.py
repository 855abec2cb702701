"""What is measured: coverage of passages, ranking of documents, knowing when there is no answer. Pure functions."""
