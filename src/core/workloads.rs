//! Files become workload groups (contract.md 2.2).
