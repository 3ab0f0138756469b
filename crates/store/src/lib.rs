//! The store contract (one verb: decide) and the embedded in-memory store.
