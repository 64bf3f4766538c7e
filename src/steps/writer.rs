//! Takes the results out: output folder to Work (contract.md 2.2).
