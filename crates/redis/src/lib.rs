//! The Redis and Valkey store: the algorithms as Lua scripts, one round trip per decision.
