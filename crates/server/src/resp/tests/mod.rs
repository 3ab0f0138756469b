//! The front without a network: a client at the other end of a pipe, stores that do as they are told, virtual time.

mod life;
mod protocol;
mod redis_cell;
mod support;
mod throttling;
