//! What a driver does, in a transaction or not.

use crate::{
    cell::{bson, name},
    query::{filter, is_one, sort},
};
use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection, Database,
    bson::{Document, RawDocumentBuf, doc},
    error::Result,
    options::ReturnDocument,
};
use std::time::Duration;
use tollgate_store::{Expr, Select, Set, Table, To, Update, Value};

/// How long the server may work on one answer.
const WORK: Duration = Duration::from_secs(30);
/// How long an answer may take: the server is first to give up.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(32);

/// Where it is done.
pub(crate) struct Operation<'s, 'd: 's> {
    pub(crate) database: &'d Database,
    pub(crate) session: Option<&'s mut ClientSession>,
}

impl Operation<'_, '_> {
    fn collection(&self, table: &Table) -> Collection<RawDocumentBuf> {
        self.database.collection(table.name)
    }

    pub(crate) async fn select(&mut self, select: &Select) -> Result<Vec<RawDocumentBuf>> {
        // To the server, 0 means no limit.
        if select.limit == Some(0) {
            return Ok(vec![]);
        }
        let find = self.collection(select.table);
        let mut find = find.find(filter(select.table, &select.filter)).max_time(WORK);
        if !select.order.is_empty() {
            find = find.sort(sort(select.table, &select.order)).allow_disk_use(true);
        }
        if let Some(limit) = select.limit {
            find = find.limit(limit.into());
        }
        match self.session.as_deref_mut() {
            None => find.await?.try_collect().await,
            Some(session) => find.session(&mut *session).await?.stream(session).try_collect().await,
        }
    }

    pub(crate) async fn count(&mut self, table: &Table, expr: &Expr) -> Result<u64> {
        let collection = self.collection(table);
        let count = collection.count_documents(filter(table, expr)).max_time(WORK);
        match self.session.as_deref_mut() {
            None => count.await,
            Some(session) => count.session(session).await,
        }
    }

    /// Several documents only in a transaction: otherwise some could be kept and others not.
    pub(crate) async fn insert(&mut self, table: &Table, documents: &[RawDocumentBuf]) -> Result<()> {
        let collection = self.collection(table);
        let insert = collection.insert_many(documents);
        match self.session.as_deref_mut() {
            None => insert.await.map(drop),
            Some(session) => insert.session(session).await.map(drop),
        }
    }

    /// Several documents only in a transaction, likewise.
    pub(crate) async fn update(&mut self, update: &Update) -> Result<Vec<RawDocumentBuf>> {
        if is_one(update.table, &update.filter) {
            return Ok(self.update_one(update, filter(update.table, &update.filter)).await?.into_iter().collect());
        }
        let select = Select { table: update.table, filter: update.filter.clone(), order: vec![], limit: None };
        let mut changed = vec![];
        for document in self.select(&select).await? {
            let key = document.get("_id").ok().flatten().map(mongodb::bson::RawBson::from);
            let one = doc! { "_id": { "$eq": key.map(mongodb::bson::Bson::try_from).transpose()? } };
            changed.extend(self.update_one(update, one).await?);
        }
        Ok(changed)
    }

    async fn update_one(&mut self, update: &Update, which: Document) -> Result<Option<RawDocumentBuf>> {
        let collection = self.collection(update.table);
        let change = collection.find_one_and_update(which, changes(update.table, &update.set));
        let change = change.return_document(ReturnDocument::After).max_time(WORK);
        match self.session.as_deref_mut() {
            None => change.await,
            Some(session) => change.session(session).await,
        }
    }

    /// Several documents only in a transaction, likewise.
    pub(crate) async fn delete(&mut self, table: &Table, expr: &Expr) -> Result<u64> {
        let collection = self.collection(table);
        let which = filter(table, expr);
        // After a lost connection, the driver safely repeats a write of one document.
        let delete = if is_one(table, expr) { collection.delete_one(which) } else { collection.delete_many(which) };
        let deleted = match self.session.as_deref_mut() {
            None => delete.await,
            Some(session) => delete.session(session).await,
        };
        Ok(deleted?.deleted_count)
    }
}

/// An empty cell is a field that is not there.
fn changes(table: &Table, set: &[Set]) -> Document {
    let (mut becomes, mut gone, mut more) = (doc! {}, doc! {}, doc! {});
    for set in set {
        let (name, kind) = (name(table, set.column), table.columns[set.column].kind);
        match &set.to {
            To::Next => more.insert(name, bson(kind, &Value::Int(1))),
            To::Value(Value::Null) => gone.insert(name, ""),
            To::Value(value) => becomes.insert(name, bson(kind, value)),
        };
    }
    let parts = [("$set", becomes), ("$unset", gone), ("$inc", more)];
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(name, part)| (name.to_owned(), part.into())).collect()
}
