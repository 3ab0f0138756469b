//! Instances in processes of their own, seen from outside.

use std::io::BufReader;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::Watch;
use super::wire::{Order, Word, receive, send};
use crate::error::LoadError;
use crate::grid::Schedule;
use crate::settings::Settings;
use crate::tally::Tally;

/// The hidden command of this binary that is an instance.
const COMMAND: &str = "bench-instance";

pub(crate) struct Processes {
    children: Vec<Running>,
    words: Receiver<(u16, Word)>,
}

/// Killed when dropped, if it is still there.
struct Running {
    child: Child,
    orders: ChildStdin,
}

impl Processes {
    pub(super) fn start(settings: &Settings, run: &str) -> Result<Self, LoadError> {
        let (say, words) = channel();
        let children = (0..settings.instances).map(|number| {
            let order = Order { settings: settings.clone(), run: run.to_owned(), number };
            Running::start(&order, say.clone())
        });
        let fleet = Self { children: children.collect::<Result<_, _>>()?, words };
        let mut missing = settings.instances;
        while missing > 0 {
            match fleet.next()? {
                (_, Word::Ready) => missing -= 1,
                (index, other) => return Err(unexpected(index, &other)),
            }
        }
        Ok(fleet)
    }

    pub(super) fn run(mut self, schedule: Schedule, watch: Watch<'_>) -> Result<Tally, LoadError> {
        for (index, running) in (0..).zip(&mut self.children) {
            let gone = |_| LoadError::Instance { index, reason: "has ended before it began".to_owned() };
            send(&mut running.orders, &schedule).map_err(gone)?;
        }
        let mut progress = vec![0; self.children.len()];
        let mut tallies = Vec::new();
        while tallies.len() < self.children.len() {
            match self.next()? {
                (index, Word::Progress(decisions)) => {
                    progress[usize::from(index)] = decisions;
                    watch(progress.iter().sum());
                }
                (_, Word::Done(tally)) => tallies.push(*tally),
                (index, other) => return Err(unexpected(index, &other)),
            }
        }
        Ok(Tally::sum(tallies))
    }

    fn next(&self) -> Result<(u16, Word), LoadError> {
        let silent = |_| LoadError::Instance { index: 0, reason: "all instances have ended".to_owned() };
        self.words.recv().map_err(silent)
    }
}

impl Running {
    fn start(order: &Order, say: Sender<(u16, Word)>) -> Result<Self, LoadError> {
        let program = std::env::current_exe().map_err(LoadError::system("this program has no path"))?;
        let child = Command::new(program).arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(LoadError::system("cannot start an instance"))?;
        let number = order.number;
        let (Some(mut orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(LoadError::Instance { index: number, reason: "cannot be spoken to".to_owned() });
        };
        send(&mut orders, order).map_err(LoadError::system("an instance does not listen"))?;
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let word = match receive(&mut output) {
                    Ok(Some(word)) => word,
                    Ok(None) => Word::Failed("has ended".to_owned()),
                    Err(error) => Word::Failed(format!("cannot be understood: {error}")),
                };
                let end = matches!(word, Word::Done(_) | Word::Failed(_));
                if say.send((number, word)).is_err() || end {
                    return;
                }
            }
        });
        Ok(Self { child, orders })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unexpected(index: u16, word: &Word) -> LoadError {
    let reason = match word {
        Word::Failed(reason) => reason.clone(),
        other => format!("says at the wrong time: {other:?}"),
    };
    LoadError::Instance { index, reason }
}
