//! A Pipeline and its object become a Job (contract.md 1, 3, 4).
