//! The six usual routes of a resource, as six ordinary handlers.
//!
//! They go through [`Service`] like any other, so their permissions, their document and their place in the
//! access matrix come from their signatures too.
use crate::{Created, Json, List, Located, NoContent, Page, Path, Preconditions, Service, Tagged, argument::Here};
use tollgate_access::{Create, Delete, May, Read, Update};
use tollgate_core::Result;
use tollgate_store::{Resource, Store};

async fn list<R: Resource>(may: May<Read, R>, rows: Store<R>, wanted: List<R>) -> Result<Page<R>> {
    wanted.page(&rows, &may).await
}

async fn create<R: Resource>(
    may: May<Create, R>,
    rows: Store<R>,
    Here(path): Here,
    Json(new): Json<R::New>,
) -> Result<Located<R>> {
    let made = rows.insert(&may, new).await?;
    let location = format!("{path}/{}", escaped(&made.id().to_string()));
    Ok(Created(made).at(location))
}

/// A key as one segment of a path (RFC 3986, 3.3).
fn escaped(segment: &str) -> String {
    form_urlencoded::byte_serialize(segment.as_bytes()).collect::<String>().replace('+', "%20")
}

async fn read<R: Resource>(may: May<Read, R>, rows: Store<R>, Path(id): Path<R::Id>) -> Result<Tagged<R>> {
    Ok(Tagged(rows.get(&may, id).await?))
}

/// Its answer has no tag: on a `PUT`, that would say that the row was kept as it was sent (RFC 9110, 9.3.4).
async fn replace<R: Resource>(
    may: May<Update, R>,
    rows: Store<R>,
    Path(id): Path<R::Id>,
    only: Preconditions,
    Json(new): Json<R::New>,
) -> Result<Json<R>> {
    Ok(Json(only.replace(&rows, &may, id, new).await?))
}

async fn update<R: Resource>(
    may: May<Update, R>,
    rows: Store<R>,
    Path(id): Path<R::Id>,
    only: Preconditions,
    Json(patch): Json<R::Patch>,
) -> Result<Tagged<R>> {
    Ok(Tagged(only.update(&rows, &may, id, patch).await?))
}

async fn delete<R: Resource>(
    may: May<Delete, R>,
    rows: Store<R>,
    Path(id): Path<R::Id>,
    only: Preconditions,
) -> Result<NoContent> {
    only.delete(&rows, &may, id).await?;
    Ok(NoContent)
}

impl Service {
    /// Lists, adds, reads, replaces, changes and removes a resource under `path`. Whoever adds, replaces or changes a
    /// row sees it: it is the answer.
    #[must_use]
    pub fn crud<R: Resource>(self, path: &str) -> Self {
        let table = R::TABLE;
        let (one, many) = (format!("{path}/{{{}}}", table.columns[table.id].name), table.name.replace('_', " "));
        let name = |verb: &str| format!("{}_{verb}", table.name);
        let vowel = table.one.starts_with(['a', 'e', 'i', 'o', 'u']);
        let item = format!("{} {}", if vowel { "an" } else { "a" }, table.one);
        let first = self.len();
        self.get(path, list::<R>)
            .named(&name("list"), &format!("Lists {many}.\n\n{}", table.about))
            .post(path, create::<R>)
            .named(&name("create"), &format!("Adds {item}."))
            .get(&one, read::<R>)
            .named(&name("read"), &format!("Reads {item}."))
            .put(&one, replace::<R>)
            .named(&name("replace"), &format!("Replaces {item}.\n\nEverything that may be written is."))
            .patch(&one, update::<R>)
            .named(&name("update"), &format!("Changes part of {item}.\n\nWhat is absent stays as it is."))
            .delete(&one, delete::<R>)
            .named(&name("delete"), &format!("Removes {item}."))
            .together_from(first)
    }
}
