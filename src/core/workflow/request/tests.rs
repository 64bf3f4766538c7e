//! Rules of a request.
