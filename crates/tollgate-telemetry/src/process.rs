//! What do the process and its runtime need? Looked at when somebody asks.
//!
//! The names are those of Prometheus' own clients, so that dashboards which know those fit. The system's numbers come
//! from `/proc`, where there is one.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use std::{
    fmt,
    fs::{read_dir, read_to_string},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Handle;

/// How often a second Linux counts time for `/proc`, on every architecture that Rust's tier 1 and 2 know.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(crate) struct Process {
    started: f64,
}

impl Process {
    pub(crate) fn started_now() -> Self {
        Self { started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut show = |name, help, value: Option<f64>| match value {
            Some(value) => write(&mut encoder, name, help, &ConstGauge::new(value)),
            None => Ok(()),
        };
        show("process_start_time_seconds", "When the process started, in seconds since 1970", Some(self.started))?;
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let resident = number_after(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024.0);
        show("process_resident_memory_bytes", "Memory that is in use", resident)?;
        show("process_threads", "Threads of the system", number_after(&status, "Threads:"))?;
        show("process_open_fds", "Files and sockets that are open", open_files())?;
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        show("process_max_fds", "Files and sockets that may be open", number_after(&limits, "Max open files"))?;
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time that was used";
            write(&mut encoder, "process_cpu_seconds", help, &ConstCounter::new(seconds))?;
        }
        runtime(&mut encoder)
    }
}

/// How busy the workers of tokio are.
fn runtime(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Ok(runtime) = Handle::try_current().map(|runtime| runtime.metrics()) else { return Ok(()) };
    let gauge = |number: usize| ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
    write(encoder, "tokio_workers", "Threads that run tasks", &gauge(runtime.num_workers()))?;
    write(encoder, "tokio_alive_tasks", "Tasks that have not ended", &gauge(runtime.num_alive_tasks()))?;
    let help = "Tasks that wait for a worker, beside those in the queues of each";
    write(encoder, "tokio_global_queue_depth", help, &gauge(runtime.global_queue_depth()))?;
    let busy: f64 = (0..runtime.num_workers()).map(|at| runtime.worker_total_busy_duration(at).as_secs_f64()).sum();
    write(encoder, "tokio_busy_seconds", "Time for which workers ran tasks", &ConstCounter::new(busy))
}

fn write(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// The number behind that word.
fn number_after(text: &str, word: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

/// One of them is the folder that is read.
fn open_files() -> Option<f64> {
    let count = read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

/// The fourteenth and fifteenth word; the second is the program's name, which may have spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_what_the_process_needs() {
        // It ends: to ask takes time as well.
        while cpu_seconds().unwrap() == 0.0 {}
        let before = open_files().unwrap();
        let _files: Vec<_> = (0..50).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(open_files().unwrap() > before);
        assert!(number_after(&read_to_string("/proc/self/limits").unwrap(), "Max open files").unwrap() > before);
    }

    #[test]
    fn a_number_is_found_behind_its_word() {
        assert_eq!(number_after("VmPeak:\t  10 kB\nVmRSS:\t  20 kB\n", "VmRSS:"), Some(20.0));
        assert_eq!(number_after("Max open files            unlimited  unlimited", "Max open files"), None);
    }
}
