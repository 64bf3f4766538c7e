//! Builds the Work (contract.md 2.2, 5.1).
