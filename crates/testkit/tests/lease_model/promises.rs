//! What must hold in every state, and what must be possible in some, or the former would say little.

use stateright::Property;

use crate::model::Protocol;
use crate::world::{Back, Instance, Question, World};

/// DESIGN 2.1. The worst of all intervals ends with an admission, and the state after each is looked at.
pub(crate) fn within_the_limit() -> Property<Protocol> {
    Property::always("no interval admits more than promised", |protocol: &Protocol, world: &World| {
        world.ledger.room(&protocol.limit, protocol.now(world)) >= 0
    })
}

pub(crate) fn within_its_life() -> Property<Protocol> {
    let name = "nothing can be spent after its life on the store's clock";
    Property::always(name, |protocol: &Protocol, world: &World| {
        let now = protocol.now(world);
        world.leases().all(|lease| !lease.may_be_spent(now) || now.0 <= lease.last)
    })
}

pub(crate) fn gone_when_given_back() -> Property<Protocol> {
    Property::always("nothing that was given back can be spent", |protocol: &Protocol, world: &World| {
        let now = protocol.now(world);
        world.leases().all(|lease| !lease.may_be_spent(now) || !lease.given_back)
    })
}

/// What must be reachable, or the rest would say little: states in which the next step can do it.
pub(crate) fn reachable() -> [Property<Protocol>; 11] {
    [
        Property::sometimes("all of the limit is admitted", |protocol: &Protocol, world: &World| {
            world.ledger.room(&protocol.limit, protocol.now(world)) == 0
        }),
        Property::sometimes("a request is denied", |protocol: &Protocol, world: &World| {
            let mut asked = world.questions().filter(|question| question.answer.is_none());
            asked.any(|question| question.wish.need() > 0)
                && world.counter.denies(&protocol.limit, protocol.now(world))
        }),
        Property::sometimes(
            "a token is spent in the last moment of its life",
            |protocol: &Protocol, world: &World| {
                let (now, next) = (protocol.now(world), protocol.next(world));
                world
                    .leases()
                    .any(|lease| lease.may_be_spent(now) && now.0 == lease.last && !lease.may_be_spent(next))
            },
        ),
        Property::sometimes("two instances can spend at once", |protocol: &Protocol, world: &World| {
            let now = protocol.now(world);
            let can = |instance: &&Instance| instance.leases.iter().any(|one| one.may_be_spent(now));
            world.instances.iter().filter(can).count() > 1
        }),
        Property::sometimes(
            "an instance crashes with tokens that it could spend",
            |protocol: &Protocol, world: &World| {
                world.left.crashes > 0 && world.leases().any(|lease| lease.may_be_spent(protocol.now(world)))
            },
        ),
        Property::sometimes(
            "the store lends to somebody who is gone",
            |protocol: &Protocol, world: &World| {
                !world.adrift.is_empty() && world.counter.remaining(&protocol.limit, protocol.now(world)) >= 9
            },
        ),
        Property::sometimes(
            "an answer is heard when its lease is over",
            |protocol: &Protocol, world: &World| {
                let now = protocol.now(world);
                let over = |question: &Question| {
                    question
                        .answer
                        .is_some_and(|answer| answer.tokens > 0 && question.sent + answer.life <= now.0)
                };
                world.questions().any(over)
            },
        ),
        Property::sometimes("a return makes room", |protocol: &Protocol, world: &World| {
            gains(protocol, world, |back| matches!(back, Back::Unspent(_))).any(|gain| gain > 0)
        }),
        Property::sometimes("a return comes too late", |protocol: &Protocol, world: &World| {
            gains(protocol, world, |back| matches!(back, Back::Unspent(_))).any(|gain| gain == 0)
        }),
        Property::sometimes("a refund makes room", |protocol: &Protocol, world: &World| {
            gains(protocol, world, |back| matches!(back, Back::Spent(_))).any(|gain| gain > 0)
        }),
        Property::sometimes("a refund comes too late", |protocol: &Protocol, world: &World| {
            gains(protocol, world, |back| matches!(back, Back::Spent(_))).any(|gain| gain == 0)
        }),
    ]
}

/// How much each of these credits would add to what remains.
fn gains(protocol: &Protocol, world: &World, which: fn(&Back) -> bool) -> impl Iterator<Item = u64> {
    let (limit, now) = (&protocol.limit, protocol.now(world));
    let before = world.counter.remaining(limit, now);
    world.credits.iter().filter(move |credit| which(&credit.back)).map(move |credit| {
        let mut counter = world.counter.clone();
        counter.decide(limit, now, (credit.back.mode(), credit.tokens));
        counter.remaining(limit, now) - before
    })
}
