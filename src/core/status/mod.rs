//! Merges what a pipeline reports into the status of its object (contract.md 7.3-7.9, 16).
