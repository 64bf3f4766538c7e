//! An API server.
