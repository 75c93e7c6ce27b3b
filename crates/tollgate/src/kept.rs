//! What the framework itself keeps: the key of its seals in the default database, and in each what was done there once.

use crate::{Create, Read, Store, System};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::sync::Arc;
use tollgate_core::{Clock, Seal};
use tollgate_macros::resource;
use tollgate_store::{Database, Error, Resource, Result, Table, Transaction};

/// A value that the framework keeps.
#[resource(plural = "tollgate_values")]
pub(crate) struct Kept {
    #[id]
    pub(crate) name: String,
    #[hidden]
    pub(crate) value: String,
}

/// The kept values of an app.
pub(crate) struct Values {
    rows: Store<Kept>,
    system: System,
}

impl Values {
    pub(crate) const TABLE: &'static Table = Kept::TABLE;

    pub(crate) fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        let system = System::because("the framework keeps its own values");
        Self { rows: Store::new(database, clock), system }
    }

    /// Seals with the key of this database, which is made on first use: all instances share it.
    pub(crate) async fn seal(&self) -> Result<Seal> {
        Ok(Seal::new(&self.key("seal key").await?))
    }

    /// The key of that name, which is made on first use.
    pub(crate) async fn key(&self, name: &str) -> Result<[u8; 32]> {
        // Not made in vain at each start: the first random number of the cryptographic library takes 35 ms.
        let kept = match self.get(name).await? {
            Some(kept) => kept,
            None => self.add(name, new_key()?).await?,
        };
        let kept = STANDARD.decode(kept).ok().and_then(|key| key.try_into().ok());
        kept.ok_or_else(|| Error::internal("a kept key is not 32 bytes"))
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Option<String>> {
        let may = self.system.may::<Read, Kept>();
        match self.rows.get(&may, name.to_owned()).await {
            Ok(kept) => Ok(Some(kept.value)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes note that this is done, in a transaction with what is done; says whether nobody did before.
    pub(crate) async fn mark(&self, name: &str, transaction: &Transaction) -> Result<bool> {
        let new = NewKept { name: name.to_owned(), value: "done".into() };
        match self.rows.on(transaction)?.insert(&self.system.may::<Create, Kept>(), new).await {
            Ok(_) => Ok(true),
            Err(Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps this under that name; answers what another instance keeps there if that was faster.
    async fn add(&self, name: &str, value: String) -> Result<String> {
        let new = NewKept { name: name.to_owned(), value };
        match self.rows.insert(&self.system.may::<Create, Kept>(), new).await {
            Ok(kept) => Ok(kept.value),
            Err(Error::Conflict { .. }) => self.get(name).await?.ok_or(Error::NotFound),
            Err(error) => Err(error),
        }
    }
}

fn new_key() -> Result<String> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::internal("the system gives no random numbers"))?;
    Ok(STANDARD.encode(key))
}
