"""The rehearsal: past tickets replayed in time order, each with only the knowledge that existed before it."""
