//! Quotas that were asked for, ready to be asked again.
//!
//! A limit costs a microsecond to make and nothing to forget: what was used is in the store, under the key, the
//! burst and the period. So whoever invents quotas costs us no more than a bounded table.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};

use super::throttle::Parameters;

/// Of so many that were asked for last, at least, the limit is at hand; of at most twice as many.
const REMEMBERED: usize = 1_024;
/// What one connection has at hand without asking the others.
const RECENT: usize = 4;
/// The limit's name in every counter's. The period is a quota's window, which is in it as well.
const NAME: &str = "cl.throttle";

/// The limits of all connections.
#[derive(Debug)]
pub(super) struct Limits {
    engine: Engine,
    made: RwLock<Generations>,
}

/// Whoever is asked for again is young. When there are too many of those, they grow old together, and those who
/// were old are forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Parameters, Limit>,
    old: HashMap<Parameters, Limit>,
}

impl Limits {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, made: RwLock::default() }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// # Errors
    /// If the quota cannot be kept.
    fn limit(&self, parameters: Parameters) -> Result<Limit, Error> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = made.young.get(&parameters) {
            return Ok(limit.clone());
        }
        drop(made);
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        let limit = match made.old.remove(&parameters) {
            Some(limit) => limit,
            None => self.engine.limit(NAME, parameters.quota(), LimitOptions::default())?,
        };
        if made.young.len() >= REMEMBERED {
            made.old = std::mem::take(&mut made.young);
        }
        made.young.insert(parameters, limit.clone());
        Ok(limit)
    }
}

/// The limits that one client has asked for lately: mostly one or two.
#[derive(Debug, Default)]
pub(super) struct Recent {
    limits: Vec<Known>,
    /// Which one goes next.
    oldest: usize,
}

#[derive(Debug)]
struct Known {
    parameters: Parameters,
    limit: Limit,
}

impl Recent {
    /// # Errors
    /// If the quota cannot be kept.
    pub(super) fn limit(&mut self, parameters: Parameters, all: &Limits) -> Result<&Limit, Error> {
        let index = match self.limits.iter().position(|known| known.parameters == parameters) {
            Some(index) => index,
            None => self.remember(Known { parameters, limit: all.limit(parameters)? }),
        };
        Ok(&self.limits[index].limit)
    }

    fn remember(&mut self, known: Known) -> usize {
        if self.limits.len() < RECENT {
            self.limits.push(known);
            return self.limits.len() - 1;
        }
        let index = self.oldest;
        self.oldest = (index + 1) % RECENT;
        self.limits[index] = known;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn inventing_quotas_fills_no_memory_and_costs_the_others_nothing() {
        let limits = Limits::new(
            Engine::connect("memory://", distributed_rate_limiter::engine::EngineOptions::default())
                .await
                .unwrap(),
        );
        let parameters = |count| Parameters::new(5, count, 60);
        for count in 1..=10_000 {
            limits.limit(parameters(count)).unwrap();
            limits.limit(parameters(1)).unwrap();
            let made = limits.made.read().unwrap();
            assert!(made.young.len() <= REMEMBERED && made.old.len() <= REMEMBERED);
            assert!(made.young.contains_key(&parameters(1)), "it is asked for all the time");
        }
    }

    #[tokio::test]
    async fn a_connection_knows_the_limits_it_asked_for_last() {
        let limits = Limits::new(
            Engine::connect("memory://", distributed_rate_limiter::engine::EngineOptions::default())
                .await
                .unwrap(),
        );
        let mut recent = Recent::default();
        for capacity in (1..=20).chain(18..=20) {
            let limit = recent.limit(Parameters::new(capacity, 1, 60), &limits).unwrap();
            assert_eq!(limit.capacity(), capacity);
        }
        assert_eq!(recent.limits.len(), RECENT);
    }
}
