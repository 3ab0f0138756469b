//! The arguments.

use std::time::Duration;

use clap::Args;
use distributed_rate_limiter::{Leases, Shards};
use drl_load::{Distribution, Settings};

use crate::cli::span;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Where the counters live, as in redis://127.0.0.1:6379.
    #[arg(long, env = "DRL_STORE", value_name = "URL", default_value = "memory://", hide_env_values = true)]
    store: String,
    /// How many limiters ask, each with connections of its own; the limit holds over all of them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    instances: u16,
    /// Makes each instance a process of its own.
    #[arg(long)]
    processes: bool,
    /// How many callers of each instance ask at the same time.
    #[arg(long, value_name = "N", default_value_t = 64)]
    callers: u32,
    /// How many clients there are.
    #[arg(long, value_name = "N", default_value_t = 100)]
    keys: u32,
    /// How often each client asks: `uniform`, `zipf` (exponent 0.99) or as in zipf:1.2.
    #[arg(long, value_name = "uniform|zipf[:EXP]", default_value = "zipf")]
    distribution: Distribution,
    /// What each client may do, as in 100/minute, 10/second or 5/15s.
    #[arg(long, value_name = "N/TIME", default_value = "1000/second")]
    limit: String,
    /// The bucket's capacity; the limit itself unless said otherwise.
    #[arg(long, value_name = "N")]
    burst: Option<u64>,
    /// fixed_window, sliding_window_log, sliding_window, token_bucket, leaky_bucket or leaky_bucket_queue.
    #[arg(long, value_name = "NAME", default_value = "token_bucket")]
    algorithm: String,
    /// Over how many counters each client's allowance is spread: `auto`, or 1 to 64.
    #[arg(long, value_name = "auto|N", default_value = "auto")]
    shards: Shards,
    /// Whether instances may borrow allowance in advance: `auto` or `off`.
    #[arg(long, value_name = "auto|off", default_value = "auto")]
    leases: Leases,
    /// What each request costs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    cost: u64,
    /// How long to ask, as in 500ms, 10s or 1m.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    duration: Duration,
    /// Asks for this long before (1s unless said otherwise), for other clients and without counting.
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1s",
        value_parser = span
    )]
    warmup: Option<Duration>,
    /// The same seed lets each caller ask for the same clients in the same order.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

impl Bench {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            store: self.store.clone(),
            instances: self.instances,
            processes: self.processes,
            callers: self.callers,
            keys: self.keys,
            distribution: self.distribution,
            limit: self.limit.clone(),
            burst: self.burst,
            algorithm: self.algorithm.clone(),
            shards: self.shards,
            leases: self.leases,
            cost: self.cost,
            duration: self.duration,
            warmup: self.warmup.unwrap_or(Duration::ZERO),
            seed: self.seed,
        }
    }
}
