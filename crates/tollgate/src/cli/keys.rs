//! The keys that sign tokens: `keys list`, `keys rotate`, `keys rotate --compromised`.

use super::{opened, print};
use crate::app::{Design, Failure};
use clap::Subcommand;
use std::fmt::Write as _;

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the keys that sign, did or will
    List,
    /// Make the next key: published now, it signs ten minutes later, and no request fails. (An old key is replaced so by
    /// itself: see `identity.signing_key_days`)
    Rotate {
        /// The keys became known to others: replace them at once, with every token that they signed
        #[arg(long)]
        compromised: bool,
    },
}

pub(super) async fn keys(design: Design, command: Keys) -> Result<(), Failure> {
    let running = opened(design).await?;
    let identity = running.identity()?;
    match command {
        Keys::List => {
            let text = identity.keys().iter().fold(String::new(), |mut text, key| {
                let now = if key.signs { "  signs now" } else { "" };
                let _ = writeln!(text, "{}  from {:.0}{now}", key.id, key.signs_from);
                text
            });
            print(&text)
        }
        Keys::Rotate { compromised: false } => {
            print(&format!("the next key is published, and signs from {:.0} on", identity.rotate_keys().await?))
        }
        Keys::Rotate { compromised: true } => {
            identity.replace_keys().await?;
            print("the keys were replaced: every token that they signed is dead within three seconds")
        }
    }
}
