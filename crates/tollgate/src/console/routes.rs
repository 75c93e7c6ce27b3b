//! What can be called, who may, and how often was it?

use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::capitalized;
use tollgate_http::RouteInfo;

/// The routes that begin alike.
#[derive(Serialize)]
pub(super) struct Group {
    name: String,
    routes: Vec<Route>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }
}

#[derive(Serialize)]
struct Route {
    method: String,
    path: String,
    access: Vec<Access>,
    handler: String,
    calls: u64,
}

#[derive(Serialize)]
struct Access {
    text: String,
    is_permission: bool,
}

pub(super) fn groups(routes: &[RouteInfo], calls: &BTreeMap<(String, String), u64>) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![];
    for info in routes {
        let name = capitalized(info.path.split('/').nth(1).unwrap_or_default());
        let key = (info.method.to_string(), info.path.clone());
        let called = calls.get(&key).copied().unwrap_or_default();
        let route = Route {
            method: key.0,
            path: key.1,
            access: info.access.to_string().split(" + ").map(access).collect(),
            handler: handler(info.handler),
            calls: called,
        };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.routes.push(route),
            None => groups.push(Group { name, routes: vec![route] }),
        }
    }
    groups
}

fn access(text: &str) -> Access {
    Access { text: text.to_owned(), is_permission: text.contains(':') }
}

/// The last words of a function's path; of what is generic, without its types.
pub(super) fn handler(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path).replace("::{{closure}}", "");
    let words: Vec<&str> = path.rsplitn(3, "::").collect();
    words.iter().take(2).rev().copied().collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_handler_is_named_by_its_module_and_its_name() {
        let names = [
            "myapi::films::create",
            "tollgate_http::crud::list<myapi::films::Film>",
            "app::films::service::{{closure}}",
        ];
        assert_eq!(names.map(super::handler), ["films::create", "crud::list", "films::service"]);
    }
}
