//! The embedded store: counters in this process's memory.

mod builder;
mod checking;
#[cfg(test)]
mod interleavings;
mod packed;
mod room;
mod stripe;
mod sync;
mod table;

pub use builder::Builder;

use drl_core::check::{Ask, Check};
use drl_core::identity::{Id, Secret};
use drl_core::{Admission, Mode, Timestamp, Verdict};
use smallvec::{SmallVec, smallvec};

use self::checking::{Locked, Place};
use self::packed::Packed;
use self::room::{NoRoom, Room};
use self::stripe::{Stripe, Swept};
use self::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::clock::{Clock, SystemClock};
use crate::contract::{Answer, Store};
use crate::directory::{Directory, MemoryDirectory};
use crate::error::StoreError;

/// The embedded store. See the [module's documentation](self).
pub struct MemoryStore<C = SystemClock> {
    clock: C,
    secret: Secret,
    room: Room,
    /// `1 << stripe_bits` of them.
    stripes: Box<[Aligned]>,
    stripe_bits: u32,
    /// The stripe to sweep next.
    hand: AtomicUsize,
    directory: MemoryDirectory,
}

/// A stripe on a cache line of its own, so that neighbours' locks don't disturb each other.
#[derive(Default)]
#[repr(align(64))]
struct Aligned(Mutex<Stripe>);

/// One counter that is new, mostly, under its stripe's lock.
struct Alone<'a> {
    id: Id,
    stripe: MutexGuard<'a, Stripe>,
    now: Timestamp,
}

impl MemoryStore {
    /// The most counters a store holds at a time unless told otherwise: 16 Mi.
    pub const DEFAULT_MAX_KEYS: u64 = 1 << 24;
    /// The most bytes a store holds unless told otherwise: 1 GiB.
    pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

    /// A store with the default bounds and the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store with other bounds or another clock.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> MemoryStore<C> {
    /// Enough that threads rarely meet and that one table is small (10 k slots at 10 M counters).
    const MOST_STRIPE_BITS: u32 = 10;
    /// A store that is bound to fewer counters than this for each stripe gets fewer stripes.
    const LEAST_PER_STRIPE: u64 = 64;
    /// The slots of one sweep that decisions pay for; repeated while it is fruitful.
    const SWEEP: usize = 64;
    const SWEEPS_WHILE_FRUITFUL: usize = 8;
    /// The slots looked at for room before a new client is refused.
    const LAST_RESORT: usize = 512;
    const LAST_RESORT_STRIPES: usize = 16;

    fn with(builder: Builder<C>) -> Self {
        let Builder { max_keys, max_bytes, clock } = builder;
        let stripe_bits = (max_keys / Self::LEAST_PER_STRIPE).max(1).ilog2().min(Self::MOST_STRIPE_BITS);
        Self {
            clock,
            secret: Secret::random(),
            room: Room::new(max_keys, max_bytes),
            stripes: (0..1_usize << stripe_bits).map(|_| Aligned::default()).collect(),
            stripe_bits,
            hand: AtomicUsize::new(0),
            directory: MemoryDirectory::default(),
        }
    }

    /// How many counters are held, those included that have expired but are not swept yet.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.room.keys()
    }

    /// Whether no counter is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes held for counters: tables and logs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.room.bytes()
    }

    /// Drops every counter that says nothing any more, one stripe at a time. Decisions do this by the
    /// way; only a program that has stopped deciding and wants its memory back needs it.
    pub fn sweep(&self) {
        for Aligned(stripe) in &self.stripes {
            let read = self.clock.now();
            let mut stripe = stripe.lock();
            let (slots, now) = (stripe.capacity(), stripe.moment(&self.clock, read));
            stripe.sweep(slots, now, &self.room);
        }
    }

    /// Decides one check: [`Store::decide`] without a batch. Allocates nothing for counters that are
    /// already there.
    ///
    /// # Errors
    /// [`StoreError::Full`] if the check would be admitted, but there is no room for a counter it needs;
    /// [`StoreError::Refused`] if two of its asks name one counter.
    pub fn decide_one(&self, check: &Check<'_>) -> Result<Verdict, StoreError> {
        if let [ask] = check.asks.as_slice() {
            let known = |packed: &mut Packed, now| packed.decide(ask, check.mode, now);
            return self.with_room(&check.asks, || self.decide_single(ask, check.mode, known));
        }
        let ids: SmallVec<[Id; 4]> = check.asks.iter().map(|ask| self.secret.id(&ask.key)).collect();
        if ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id)) {
            return Err(StoreError::Refused { reason: "two asks of one check name one counter".into() });
        }
        self.with_room(&check.asks, || {
            let read = self.clock.now();
            let mut locked = self.lock(&ids);
            let now = locked.moment(&self.clock, read);
            let sweep_due = locked.is_sweep_due();
            let verdict = locked.decide(check, now, &self.room);
            drop(locked);
            if sweep_due {
                self.sweep_by_the_way();
            }
            verdict
        })
    }

    /// Decides one ask: by `known` in its slot if its counter is there.
    #[inline]
    fn decide_single<A: From<Verdict>>(
        &self,
        ask: &Ask<'_>,
        mode: Mode,
        known: impl Fn(&mut Packed, Timestamp) -> A,
    ) -> Result<A, NoRoom> {
        let (read, id) = (self.clock.now(), self.secret.id(&ask.key));
        let mut stripe = self.stripe_of(id).lock();
        let now = stripe.moment(&self.clock, read);
        let sweep_due = stripe.is_sweep_due();
        let found = stripe.find(id).map(|at| stripe.at(at)).filter(|packed| !packed.is_boxed());
        let answer = match found {
            Some(packed) => {
                let answer = known(packed, now);
                if packed.is_boxed() {
                    self.room.note_boxed(packed.heap_bytes());
                }
                drop(stripe);
                Ok(answer)
            }
            None => self.decide_alone(Alone { id, stripe, now }, ask, mode).map(A::from),
        };
        if sweep_due {
            self.sweep_by_the_way();
        }
        answer
    }

    /// The general path of one ask.
    #[inline(never)] // large, and rare
    fn decide_alone(&self, alone: Alone<'_>, ask: &Ask<'_>, mode: Mode) -> Result<Verdict, NoRoom> {
        let Alone { id, stripe, now } = alone;
        let places = smallvec![Place { id, stripe: 0 }];
        let mut locked = Locked { places, stripes: smallvec![stripe] };
        locked.decide(&Check { asks: smallvec![*ask], mode }, now, &self.room)
    }

    /// Tries, and once more after looking for room if there was none.
    #[inline]
    fn with_room(
        &self,
        asks: &[Ask<'_>],
        attempt: impl Fn() -> Result<Verdict, NoRoom>,
    ) -> Result<Verdict, StoreError> {
        attempt().or_else(|_| {
            self.look_for_room(asks);
            attempt().map_err(|no_room| self.full(no_room))
        })
    }

    #[cold]
    fn full(&self, no_room: NoRoom) -> StoreError {
        let reason = match no_room {
            NoRoom::Keys => format!("{} counters still count", self.room.max_keys()),
            NoRoom::Bytes => format!("{} bytes hold counters that still count", self.room.max_bytes()),
        };
        StoreError::Full { reason }
    }

    /// Drops what has expired where the check's counters would be, and in some stripes more.
    #[cold]
    fn look_for_room(&self, asks: &[Ask<'_>]) {
        for ask in asks {
            let read = self.clock.now();
            let mut stripe = self.stripe_of(self.secret.id(&ask.key)).lock();
            let now = stripe.moment(&self.clock, read);
            stripe.sweep(Self::LAST_RESORT, now, &self.room);
        }
        let mut looked_at = 0;
        for _ in 0..Self::LAST_RESORT_STRIPES.min(self.stripes.len()) {
            looked_at += self.sweep_next(Self::LAST_RESORT).looked_at;
            if looked_at >= Self::LAST_RESORT {
                break;
            }
        }
    }

    /// The sweep that decisions owe from time to time: longer where much has expired.
    #[cold]
    fn sweep_by_the_way(&self) {
        for _ in 0..Self::SWEEPS_WHILE_FRUITFUL {
            let swept = self.sweep_next(Self::SWEEP);
            if swept.dropped * 4 < swept.looked_at.max(1) {
                break;
            }
        }
    }

    /// Sweeps some slots of the next stripe.
    fn sweep_next(&self, slots: usize) -> Swept {
        let next = self.hand.fetch_add(1, Ordering::Relaxed) % self.stripes.len();
        let read = self.clock.now();
        let mut stripe = self.stripes[next].0.lock();
        let now = stripe.moment(&self.clock, read);
        stripe.sweep(slots, now, &self.room)
    }

    #[inline]
    fn stripe_of(&self, id: Id) -> &Mutex<Stripe> {
        &self.stripes[id.stripe(self.stripe_bits)].0
    }

    /// Locks the stripes of all `ids`, in ascending order and each once.
    fn lock(&self, ids: &[Id]) -> Locked<'_> {
        let stripe_of = |id: &Id| id.stripe(self.stripe_bits);
        let mut order: SmallVec<[usize; 4]> = ids.iter().map(stripe_of).collect();
        order.sort_unstable();
        order.dedup();
        let stripes = order.iter().map(|&stripe| self.stripes[stripe].0.lock()).collect();
        let place =
            |id: &Id| Place { id: *id, stripe: order.partition_point(|&other| other < stripe_of(id)) };
        Locked { stripes, places: ids.iter().map(place).collect() }
    }
}

impl<C: Clock> Store for MemoryStore<C> {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        Answer::Ready(batch.iter().map(|check| self.decide_one(check)).collect())
    }

    fn admit(&self, ask: &Ask<'_>) -> Option<Admission> {
        self.decide_single(ask, Mode::Take, |packed, now| packed.admit(ask, now)).ok()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn counters_here(&self) -> u64 {
        self.len()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(&self.directory)
    }
}

impl<C> std::fmt::Debug for MemoryStore<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("room", &self.room).finish_non_exhaustive()
    }
}
