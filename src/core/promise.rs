//! Reads a Promise: its API and its workflows (contract.md 5.6, 5.7).
