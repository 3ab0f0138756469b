//! Which client is in which tier: the whole of it, in memory, so that no decision asks for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

/// The clients that operators have put into a tier.
#[derive(Debug, Default)]
pub(crate) struct Tiers {
    any: AtomicBool,
    of: RwLock<HashMap<Box<[u8]>, Arc<str>>>,
}

impl Tiers {
    pub(crate) fn of(&self, client: &[u8]) -> Option<Arc<str>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.of.read().get(client).cloned()
    }

    pub(super) fn set(&self, client: &str, tier: Option<&str>) {
        let mut of = self.of.write();
        match tier {
            Some(tier) => {
                // The many clients of a tier share its name.
                let known = of.values().find(|known| &***known == tier).cloned();
                of.insert(client.as_bytes().into(), known.unwrap_or_else(|| tier.into()));
            }
            None => drop(of.remove(client.as_bytes())),
        }
        self.any.store(!of.is_empty(), Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.of.write().clear();
        self.any.store(false, Ordering::Relaxed);
    }
}
