//! Destination selectors: the file, and how its entries combine (contract.md 7.1, 10.1).
