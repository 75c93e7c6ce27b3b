//! The second factor: a code of an authenticator app, or one of ten recovery codes.
//!
//! A code is good once: the step it belongs to is written down in the statement that accepts it, and no earlier one is
//! accepted after it. The secret is stored under [`Vault`]; recovery codes, 80 bits each, as hashes.

use super::totp::{self, Shared};
use crate::{
    error::{Error, Result},
    random::random,
    records::Records,
    token::Hash,
    vault::Vault,
};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter, Transaction};
use uuid::Uuid;

/// How many recovery codes there are at first.
const RECOVERY_CODES: usize = 10;

/// What a user proves themselves with besides the password.
#[resource(plural = "auth_second_factors")]
pub struct SecondFactor {
    /// Whose it is.
    #[id]
    pub user_id: Uuid,
    /// The secret that their app shares with us, sealed.
    #[hidden]
    pub secret: String,
    /// The last step whose code was used.
    pub last_step: i64,
    /// The hashes of the recovery codes that were not used.
    #[hidden]
    pub recovery: Vec<String>,
    /// Since when.
    #[created_at]
    pub created_at: Timestamp,
    /// Counts the changes.
    #[version]
    pub version: i64,
}

/// What somebody proved themselves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proven {
    /// A code of their app.
    Code,
    /// A recovery code.
    Recovery,
}

impl Proven {
    /// How they signed in with it after the password, in the words of RFC 8176.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Self::Code => "pwd otp mfa",
            Self::Recovery => "pwd mfa",
        }
    }
}

/// All second factors.
pub(crate) struct SecondFactors {
    records: Records<SecondFactor>,
    clock: Arc<dyn Clock>,
    vault: Vault,
}

impl SecondFactors {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, key: &[u8; 32]) -> Result<Self> {
        let records = Records::new(database, clock, "people prove who they are");
        Ok(Self { records, clock: Arc::clone(clock), vault: Vault::new(key)? })
    }

    /// A secret for somebody to enrol, and the same sealed, to come back with their first code.
    pub(crate) fn offer(&self, user: Uuid) -> Result<(Shared, String)> {
        let secret = random::<20>()?;
        Ok((secret, self.vault.close(&offered(user), &secret)?))
    }

    /// What was offered to that user.
    pub(crate) fn offered(&self, user: Uuid, sealed: &str) -> Option<Shared> {
        self.vault.open(&offered(user), sealed)?.try_into().ok()
    }

    /// Keeps what was offered if the code is one of its own; answers the recovery codes, which nobody can read again.
    pub(crate) async fn enrol(
        &self,
        user: Uuid,
        secret: &Shared,
        code: &str,
        on: &Transaction,
    ) -> Result<Option<Vec<String>>> {
        let Some(step) = totp::step_of(secret, code, self.clock.unix()) else { return Ok(None) };
        let codes = recovery_codes()?;
        let new = NewSecondFactor {
            user_id: user,
            secret: self.vault.close(user.as_bytes(), secret)?,
            last_step: stored(step),
            recovery: codes.iter().map(|code| name(user, code)).collect(),
        };
        let records = self.records.on(on)?;
        records.delete(SecondFactor::USER_ID.eq(user)).await?;
        records.insert(new).await?;
        Ok(Some(codes))
    }

    /// What it is: a code of their app, or a recovery code, that was not used before. It is used now.
    pub(crate) async fn accept(&self, user: Uuid, typed: &str) -> Result<Option<Proven>> {
        let Some(row) = self.records.get(user).await? else { return Ok(None) };
        let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
        let secret = self.vault.open(user.as_bytes(), &row.secret).and_then(|secret| secret.try_into().ok());
        let secret: Shared = secret.ok_or(Error::Damaged("auth_second_factors"))?;
        if let Some(step) = totp::step_of(&secret, &typed, self.clock.unix()).map(stored) {
            let patch = SecondFactorPatch { last_step: Change::Set(step), ..Default::default() };
            let is_new = self.records.change(user, SecondFactor::LAST_STEP.lt(step), patch).await?;
            return Ok(is_new.then_some(Proven::Code));
        }
        Ok(self.recover(row, &typed).await?.then_some(Proven::Recovery))
    }

    /// Of two that use one code at the same moment, one is let in; who uses another one begins again, and is let in too.
    async fn recover(&self, mut row: SecondFactor, typed: &str) -> Result<bool> {
        let (user, hash) = (row.user_id, name(row.user_id, typed));
        while let Some(at) = row.recovery.iter().position(|code| *code == hash) {
            row.recovery.remove(at);
            let patch = SecondFactorPatch { recovery: Change::Set(row.recovery), ..Default::default() };
            if self.records.change(user, SecondFactor::VERSION.eq(row.version), patch).await? {
                return Ok(true);
            }
            let Some(now) = self.records.get(user).await? else { break };
            row = now;
        }
        Ok(false)
    }

    /// How many recovery codes are left.
    pub(crate) async fn left(&self, user: Uuid) -> Result<usize> {
        Ok(self.records.get(user).await?.map_or(0, |row| row.recovery.len()))
    }

    /// Other recovery codes in place of those there were.
    pub(crate) async fn renew(&self, user: Uuid, on: &Transaction) -> Result<Vec<String>> {
        let codes = recovery_codes()?;
        let recovery = codes.iter().map(|code| name(user, code)).collect();
        let patch = SecondFactorPatch { recovery: Change::Set(recovery), ..Default::default() };
        let changed = self.records.on(on)?.change(user, Filter::every(), patch).await?;
        Ok(if changed { codes } else { vec![] })
    }

    pub(crate) async fn remove(&self, user: Uuid, on: &Transaction) -> Result<()> {
        self.records.on(on)?.delete(SecondFactor::USER_ID.eq(user)).await?;
        Ok(())
    }
}

fn offered(user: Uuid) -> Vec<u8> {
    [b"offered to ", &user.as_bytes()[..]].concat()
}

fn stored(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// As `abcd-efgh-ijkl-mnop`.
fn recovery_codes() -> Result<Vec<String>> {
    let code = || {
        let text = totp::base32(&random::<10>()?).to_lowercase();
        Ok([&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-"))
    };
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// The hash of a recovery code, however it was typed.
fn name(user: Uuid, code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Hash::of(&[b"recovery", user.as_bytes(), plain.as_bytes()]).into()
}
