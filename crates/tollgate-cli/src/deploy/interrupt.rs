//! Ctrl-C while something is brought to the cloud.
//!
//! What runs hears it as well and ends in order, as Terraform does: it writes down what it made and gives its lock back.
//! Who called it waits for that, to say what was done and how to go on.

use crate::Result;
use std::{
    io::stdin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

static HEARD: AtomicBool = AtomicBool::new(false);

/// Who waits for what is typed.
static ASKING: Mutex<Option<Sender<String>>> = Mutex::new(None);

/// From now on Ctrl-C does not end this process.
///
/// # Errors
/// The system does not tell of signals.
pub(super) fn listen() -> Result {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut interrupts = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::spawn(move || {
        runtime.block_on(async {
            while interrupts.recv().await.is_some() {
                hear();
            }
        });
    });
    Ok(())
}

fn hear() {
    HEARD.store(true, Ordering::Relaxed);
    if let Some(asking) = asking().take() {
        // Whoever had the answer already waits no more.
        let _ = asking.send(String::new());
    }
}

/// Whether somebody wants to stop.
pub(super) fn was_heard() -> bool {
    HEARD.load(Ordering::Relaxed)
}

/// A line that is typed; an empty one, if that was Ctrl-C.
///
/// # Errors
/// Nobody can type here.
pub(super) fn typed() -> Result<String> {
    let (tell, told) = channel();
    *asking() = Some(tell.clone());
    thread::spawn(move || {
        let mut line = String::new();
        let _ = stdin().read_line(&mut line);
        let _ = tell.send(line);
    });
    Ok(told.recv()?)
}

fn asking() -> MutexGuard<'static, Option<Sender<String>>> {
    ASKING.lock().unwrap_or_else(PoisonError::into_inner)
}
