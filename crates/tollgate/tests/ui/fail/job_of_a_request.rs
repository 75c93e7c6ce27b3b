use std::time::Duration;
use tollgate::{Beside, prelude::*};

/// Which.
#[input]
struct Asked {
    q: String,
}

async fn nightly(_: Now, _: Query<Asked>) -> Result<()> {
    Ok(())
}

async fn begin(_: Public, beside: Beside) -> NoContent {
    beside.begin(nightly);
    NoContent
}

fn main() {
    let _ = Service::new("asked").every(Duration::from_secs(1), nightly).get("/begin", begin);
}
