//! Lines on their way out: queued by who logs, written by a thread that does nothing else.
//!
//! While one write is under way, and for a moment after it, others queue and leave together with the next, as groups do on
//! their way to a database; so a busy app makes few system calls, and a request waits for none and wakes nobody. The queue is bounded: when whoever reads the lines
//! is too slow, those that do not fit are dropped and counted.

use super::Redacted;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    io::Write,
    mem,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How many bytes may wait.
const LARGEST: usize = 8 * 1024 * 1024;
/// How long lines gather after a write. Without it each of a busy app would wake the thread, and be written alone.
const GATHERING: Duration = Duration::from_millis(4);
/// How long the end of the process waits for the last of them.
const TIMEOUT: Duration = Duration::from_secs(2);

static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Adds the metrics of the log to those that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    registry.register("tollgate_log_lines_dropped", "Lines of the log that nobody took in time", DROPPED.clone());
}

/// A queue of lines. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<u8>,
    is_writing: bool,
}

impl Lines {
    /// Lines that are written there, without what looks like a secret.
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        // Without the thread nothing is written, and in time all is dropped and counted.
        let _ = thread::Builder::new().name("log".into()).spawn(move || shared.write(Redacted(out)));
        lines
    }

    /// Queues a line.
    pub(crate) fn push(&self, line: &str) {
        let mut queue = self.0.lock();
        if queue.waiting.len() + line.len() > LARGEST {
            DROPPED.inc();
            return;
        }
        let sleeps = queue.waiting.is_empty() && !queue.is_writing;
        queue.waiting.extend_from_slice(line.as_bytes());
        drop(queue);
        if sleeps {
            self.0.changed.notify_all();
        }
    }

    /// Waits until all that is queued now is written, for a while.
    pub(crate) fn flush(&self) {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.waiting.is_empty();
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), TIMEOUT, is_busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn write(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut queue = self.lock();
            while queue.waiting.is_empty() {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            mem::swap(&mut queue.waiting, &mut lines);
            queue.is_writing = true;
            drop(queue);
            // There is nowhere left to say that it failed.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            lines.clear();
            thread::sleep(GATHERING);
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io, sync::mpsc};

    /// Writes when it is let.
    struct Gated(mpsc::Receiver<()>, Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_come_meanwhile_leave_together_and_too_many_are_dropped() {
        let (gate, pass) = mpsc::channel();
        let written = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let lines = Lines::to(Gated(pass, Arc::clone(&written)));
        lines.push("first\n");
        while !lines.0.lock().is_writing {
            thread::yield_now();
        }
        for line in ["second\n", "third\n"] {
            lines.push(line);
        }
        let dropped = DROPPED.get();
        lines.push(&"x".repeat(LARGEST));
        assert_eq!(DROPPED.get(), dropped + 1, "nobody waits, and it is known");
        gate.send(()).unwrap();
        gate.send(()).unwrap();
        lines.flush();
        assert_eq!(*written.lock().unwrap(), [b"first\n".to_vec(), b"second\nthird\n".to_vec()]);
    }
}
