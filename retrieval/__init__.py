"""Search, rerank, context, answers, conversations."""
