//! An instance in a process of its own, seen from inside.

use std::io::{self, Read as _, stdin, stdout};
use std::thread;

use super::local::Local;
use super::wire::{Order, Word, receive, send};
use crate::error::LoadError;
use crate::grid::Schedule;
use crate::instance::Access;

/// Does what the process that started this one says on standard input, and answers on standard output. Ends
/// with it.
///
/// # Errors
/// If it says nothing that can be understood, or hears nothing any more. What else goes wrong, it is told.
pub fn serve_instance() -> Result<(), LoadError> {
    let unheard = "whoever started this instance is gone";
    match work() {
        Ok(()) => Ok(()),
        Err(error @ LoadError::System { .. }) => Err(error),
        Err(error) => {
            send(&mut stdout(), &Word::Failed(error.to_string())).map_err(LoadError::system(unheard))
        }
    }
}

fn work() -> Result<(), LoadError> {
    let unread = "this is started by `drl bench --processes`, not by hand";
    let orders: Order = next().map_err(LoadError::system(unread))?;
    let plan = orders.settings.check()?;
    let access = Access::new(plan.clone(), orders.run);
    let instance = Local::alone(&plan, &access, orders.number)?;
    let unheard = "whoever started this instance is gone";
    send(&mut stdout(), &Word::Ready).map_err(LoadError::system(unheard))?;
    let schedule: Schedule = next().map_err(LoadError::system(unheard))?;
    thread::spawn(end_with_the_parent);
    let mut watch = |decisions| {
        // If nobody hears it any more, the thread above ends this process.
        let _ = send(&mut stdout(), &Word::Progress(decisions));
    };
    let tally = instance.run(schedule, &mut watch)?;
    send(&mut stdout(), &Word::Done(Box::new(tally))).map_err(LoadError::system(unheard))
}

fn next<T: serde::de::DeserializeOwned>() -> io::Result<T> {
    receive(&mut stdin().lock())?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Standard input ends when the parent does, however it does.
fn end_with_the_parent() {
    let _ = stdin().read_to_end(&mut Vec::new());
    std::process::exit(2);
}
