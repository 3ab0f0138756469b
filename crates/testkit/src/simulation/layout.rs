//! Which counters there are, where they live, and what each client's requests ask of them.

use std::cell::OnceCell;
use std::collections::HashMap;

use drl_core::engine::{Counters, Demand, name};
use drl_core::identity::Secret;
use drl_core::{Key, Micros, Rule};

use super::scenario::{CLIENTS, Scenario, Scope};

/// The names of requests are hashed under this.
const SECRET: Secret = Secret::known([7, 11]);
/// Demands are made when they are first asked for, by their cost, in blocks.
const BLOCK: usize = 64;
const BLOCKS: usize = 1_024;

/// Everything that stays as it is during a run.
pub(super) struct Layout<'a> {
    pub(super) places: Vec<Place>,
    /// For each limit, whom it is shared by.
    scopes: Vec<Scope>,
    /// For each limit and client, the place of the first shard.
    first: Vec<Vec<usize>>,
    index: HashMap<u128, usize>,
    subjects: Vec<Subject<'a>>,
    /// The longest life of a lease on all limits; zero if nothing is lent.
    pub(super) lease: Micros,
    /// Whether requests can share calls.
    pub(super) groupable: bool,
}

/// One counter.
pub(super) struct Place {
    pub(super) limit: usize,
    /// Whose; nobody's if it is everybody's.
    pub(super) client: Option<usize>,
    pub(super) shard: u16,
    pub(super) node: usize,
    pub(super) rule: Rule,
    pub(super) key: String,
}

/// The demands of neighbouring costs.
type Block<'a> = Box<[OnceCell<Vec<Demand<'a>>>]>;

/// What one client's requests ask for.
struct Subject<'a> {
    name: u128,
    demands: Vec<Demand<'a>>,
    by_cost: Vec<OnceCell<Block<'a>>>,
}

/// The counters of each limit.
pub(super) fn counters(scenario: &Scenario) -> Vec<Counters> {
    let named = |(index, limit): (usize, &super::scenario::Limit)| {
        let name = format!("limit-{index}");
        Counters::new("sim", &name, &limit.quota(), limit.shards).expect("a valid limit")
    };
    scenario.limits.iter().enumerate().map(named).collect()
}

impl<'a> Layout<'a> {
    pub(super) fn new(scenario: &Scenario, counters: &'a [Counters]) -> Self {
        let mut layout = Self {
            places: Vec::new(),
            scopes: scenario.limits.iter().map(|limit| limit.scope).collect(),
            first: Vec::new(),
            index: HashMap::new(),
            subjects: Vec::new(),
            lease: counters.iter().map(Counters::longest_lease).min().unwrap_or_default(),
            groupable: !scenario.limits.iter().any(super::scenario::Limit::is_queue),
        };
        let mut keys = HashMap::new();
        for (limit, counters) in counters.iter().enumerate() {
            let everybody = layout.scopes[limit] == Scope::Everybody;
            let clients = if everybody { 1 } else { scenario.clients };
            let mut first = Vec::new();
            for (client, partition) in (0..clients).map(|client| (client, partition(everybody, client))) {
                first.push(layout.places.len());
                for shard in 0..counters.shards() {
                    let key = counters.key(partition, shard);
                    let mut rendered = String::new();
                    key.render(&mut rendered);
                    let place = Place {
                        limit,
                        client: (!everybody).then_some(client),
                        shard,
                        node: node_of(&rendered, scenario.nodes.len()),
                        rule: counters.phased(*counters.part(shard), &key),
                        key: rendered.clone(),
                    };
                    assert!(keys.insert(rendered, ()).is_none(), "two counters are called the same");
                    layout.index.insert(SECRET.id(&key).bits(), layout.places.len());
                    layout.places.push(place);
                }
            }
            layout.first.push(first);
        }
        layout.subjects = (0..scenario.clients).map(|client| layout.subject(counters, client)).collect();
        layout
    }

    fn subject(&self, counters: &'a [Counters], client: usize) -> Subject<'a> {
        let demand = |(counters, scope): (&'a Counters, &Scope)| Demand {
            counters,
            partition: partition(*scope == Scope::Everybody, client),
            cost: 1,
        };
        let demands: Vec<Demand<'a>> = counters.iter().zip(&self.scopes).map(demand).collect();
        Subject {
            name: name(demands.iter().copied(), &SECRET),
            demands,
            by_cost: vec![OnceCell::new(); BLOCKS],
        }
    }

    /// What the requests of that client together are called.
    pub(super) fn name(&self, client: usize) -> u128 {
        self.subjects[client].name
    }

    /// What a request of that client asks for, at that cost.
    pub(super) fn demands(&self, client: usize, cost: u64) -> &[Demand<'a>] {
        let subject = &self.subjects[client];
        let cost_index = usize::try_from(cost).expect("a small cost");
        let block = subject.by_cost[cost_index / BLOCK].get_or_init(|| vec![OnceCell::new(); BLOCK].into());
        block[cost_index % BLOCK]
            .get_or_init(|| subject.demands.iter().map(|demand| Demand { cost, ..*demand }).collect())
    }

    /// The place of a key.
    pub(super) fn find(&self, key: &Key<'_>) -> usize {
        self.index[&SECRET.id(key).bits()]
    }

    /// The place of a client's limit at that shard.
    pub(super) fn place(&self, client: usize, limit: usize, shard: u16) -> usize {
        let client = if self.scopes[limit] == Scope::Everybody { 0 } else { client };
        self.first[limit][client] + usize::from(shard)
    }

    /// Groups of places that hold one allowance together.
    pub(super) fn wholes(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
        self.first.iter().enumerate().flat_map(move |(limit, firsts)| {
            firsts.iter().map(move |&first| {
                let count = self.places[first..]
                    .iter()
                    .take_while(|place| place.limit == limit && place.client == self.places[first].client);
                (limit, first..first + count.count())
            })
        })
    }
}

fn partition(everybody: bool, client: usize) -> &'static [&'static [u8]] {
    if everybody { &[] } else { CLIENTS[client] }
}

/// Where a key lives: by its hash tag alone, as in a cluster.
fn node_of(key: &str, nodes: usize) -> usize {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag);
    let hash = tag.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    usize::try_from((hash >> 32) % nodes as u64).unwrap_or(0) // below the number of nodes, so it fits
}
