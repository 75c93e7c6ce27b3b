//! One operation of the document, filled by the types of its handler.
use crate::{
    Scheme,
    resources::{AnyResource, Of},
    schemas::Schemas,
};
use axum::http::{Extensions, Method, StatusCode};
use serde_json::{Map, Value, json};
use std::{fmt, sync::Arc};
use tollgate_access::{Access, Grants};
use tollgate_core::{Input, Output, Problem};
use tollgate_store::Resource;

/// What is known about an operation so far.
pub struct Operation<'a> {
    pub(crate) schemas: &'a mut Schemas,
    method: &'a Method,
    path: &'a str,
    anyone: &'a Grants,
    schemes: &'a [Scheme],
    pub(crate) resources: Vec<Arc<dyn AnyResource>>,
    pub(crate) needs: Vec<Need>,
    /// How many parameters stand in its path.
    pub(crate) path_parameters: usize,
    /// Whether it answers so many at a time: it takes a `limit`.
    pub(crate) is_list: bool,
    /// Whether what it answers says who asks: a page does, in its top bar.
    pub(crate) shows_who_asks: bool,
    /// What stands in the document, if that is written.
    written: Option<Written>,
}

/// What the document says of an operation.
#[derive(Default)]
struct Written {
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
    security: Vec<Value>,
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        f.debug_struct("Operation").field("method", method).field("path", path).finish_non_exhaustive()
    }
}

/// What must be among the extensions of the app, and what to say where it is not.
pub(crate) struct Need {
    pub(crate) is_met: fn(&Extensions) -> bool,
    pub(crate) otherwise: String,
}

/// What anyone may do, and where tokens come from.
pub(crate) type Callers<'a> = (&'a Grants, &'a [Scheme]);

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query string.
    Query,
    /// In a header.
    Header,
}

impl<'a> Operation<'a> {
    /// One of which nothing is written: it shows what its handler asks for and which schemas there are.
    pub(crate) fn new(schemas: &'a mut Schemas, route: (&'a Method, &'a str), callers: Callers<'a>) -> Self {
        let (method, path) = route;
        Self {
            schemas,
            method,
            path,
            anyone: callers.0,
            schemes: callers.1,
            resources: vec![],
            needs: vec![],
            path_parameters: 0,
            is_list: false,
            shows_who_asks: false,
            written: None,
        }
    }

    /// One for the document.
    pub(crate) fn written(schemas: &'a mut Schemas, route: (&'a Method, &'a str), callers: Callers<'a>) -> Self {
        Self { written: Some(Written::default()), ..Self::new(schemas, route, callers) }
    }

    /// Whether what is said of it is for the document; else only contradictions are looked for.
    pub(crate) fn is_written(&self) -> bool {
        self.written.is_some()
    }

    /// Its handler works with rows of `R`, so the app needs a store for them.
    pub fn uses<R: Resource>(&mut self) {
        self.resources.push(Arc::new(Of::<R>::default()));
    }

    /// Its handler asks for an `E` of the app, without which no app is built; `otherwise` says what to do about it.
    pub fn needs<E: Clone + Send + Sync + 'static>(&mut self, otherwise: impl Into<String>) {
        let is_met = |extensions: &Extensions| extensions.get::<E>().is_some();
        self.needs.push(Need { is_met, otherwise: otherwise.into() });
    }

    /// The names in braces of the path.
    pub(crate) fn path_names(&self) -> impl Iterator<Item = &str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }

    /// A parameter.
    pub fn parameter(&mut self, place: Place, name: &str, mut schema: Value, required: bool) {
        self.path_parameters += usize::from(place == Place::Path);
        self.is_list |= place == Place::Query && name == "limit";
        let Some(written) = &mut self.written else { return };
        let place = match place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let is_list = match &schema["type"] {
            Value::Array(types) => types.iter().any(|name| name == "array"),
            one => one == "array",
        };
        let mut parameter = json!({ "name": name, "in": place, "required": required, "schema": schema });
        if is_list {
            // `a=1,2`, where the default would be `a=1&a=2`.
            (parameter["style"], parameter["explode"]) = ("form".into(), false.into());
        }
        if let Some(about) = about {
            parameter["description"] = about;
        }
        written.parameters.push(parameter);
    }

    /// A body that must come.
    pub fn body<T: Input>(&mut self) {
        let schema = self.schemas.input::<T>();
        self.body_of("application/json", &schema);
    }

    /// A body that must come, of another media type.
    pub fn body_of(&mut self, media_type: &str, schema: &Value) {
        if let Some(written) = &mut self.written {
            written.body = Some(json!({ "required": true, "content": { media_type: { "schema": schema } } }));
        }
    }

    /// An answer with content.
    pub fn answers<T: Output>(&mut self, status: StatusCode, text: &str) {
        let schema = self.schemas.output::<T>();
        self.answers_as(status, text, "application/json", &schema);
    }

    /// An answer with content of another media type.
    pub fn answers_as(&mut self, status: StatusCode, text: &str, media_type: &str, schema: &Value) {
        let answer = || json!({ "description": text, "content": { media_type: { "schema": schema } } });
        self.answer(status.as_str(), answer);
    }

    /// An answer without.
    pub fn answers_nothing(&mut self, status: StatusCode, text: &str) {
        self.answer(status.as_str(), || json!({ "description": text }));
    }

    /// An answer that only its handler knows.
    pub(crate) fn answers_anything(&mut self) {
        self.answer("2XX", || json!({ "description": "What the document does not say." }));
    }

    fn answer(&mut self, status: &str, answer: impl FnOnce() -> Value) {
        if let Some(written) = &mut self.written {
            written.responses.insert(status.into(), answer());
        }
    }

    /// A header of an answer that was described before.
    pub(crate) fn sends_header(&mut self, status: StatusCode, name: &str, text: &str) {
        let responses = self.written.as_mut().map(|written| &mut written.responses);
        if let Some(answer) = responses.and_then(|responses| responses.get_mut(status.as_str())) {
            answer["headers"][name] = json!({ "description": text, "schema": { "type": "string" } });
        }
    }

    /// A way to say no.
    pub fn refuses(&mut self, status: StatusCode, text: &str) {
        let is_said = |written: &Written| written.responses.contains_key(status.as_str());
        if !self.written.as_ref().is_some_and(is_said) {
            self.problem(status.as_str(), text);
        }
    }

    /// Any other way to say no.
    pub fn refuses_otherwise(&mut self) {
        self.problem("default", "Any other refusal.");
    }

    /// If it changes something, it may be sent again under its key, or is refused with one.
    pub(crate) fn can_be_repeated(&mut self, repeatable: bool) {
        if self.method.is_safe() {
            return;
        }
        if !repeatable {
            self.problem(StatusCode::BAD_REQUEST.as_str(), "It cannot be read, or has an `Idempotency-Key`.");
            return;
        }
        let about = "A key of the caller's own, such as a UUID: a request that is sent again under the same key within 24 \
                     hours is done once and gets the same answer.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": about });
        self.parameter(Place::Header, "Idempotency-Key", schema, false);
        self.refuses(StatusCode::CONFLICT, "The request with this `Idempotency-Key` is still running.");
        self.refuses(StatusCode::UNPROCESSABLE_ENTITY, "The `Idempotency-Key` was used for another request.");
    }

    /// What it answers has a tag: who reads it may have it already.
    pub(crate) fn can_be_known(&mut self) {
        if self.method != Method::GET {
            return;
        }
        let about = "The tags of the states that you have: if it is in one of them, the answer is 304 without a body.";
        self.parameter(Place::Header, "If-None-Match", json!({ "type": "string", "description": about }), false);
        self.answers_nothing(StatusCode::NOT_MODIFIED, "You have it.");
        self.sends_header(StatusCode::NOT_MODIFIED, "ETag", "Which of them it is.");
        self.refuses(StatusCode::PRECONDITION_FAILED, "It is in another state than `If-Match` says.");
    }

    /// Who may.
    pub(crate) fn guarded(&mut self, access: &Access) {
        if *access == Access::Public {
            return;
        }
        let scopes = access.permissions();
        if let Some(Written { security, .. }) = &mut self.written {
            let open = !scopes.is_empty() && scopes.iter().all(|name| self.anyone.include(name));
            *security = self.schemes.iter().map(|scheme| scheme.requirement(&scopes)).collect();
            security.extend(["bearer", "api_key"].map(|scheme| json!({ scheme: scopes })));
            security.extend(open.then(|| json!({})));
        }
        self.refuses(StatusCode::UNAUTHORIZED, "Nobody is signed in, or the token is not good.");
        if !scopes.is_empty() {
            // Of several permissions each describes itself before all of them are: the last word is the whole.
            self.problem(StatusCode::FORBIDDEN.as_str(), &format!("The caller does not have `{access}`."));
        }
    }

    fn problem(&mut self, status: &str, text: &str) {
        let schema = self.schemas.problem();
        if let Some(written) = &mut self.written {
            let problem = json!({ "description": text, "content": { Problem::MEDIA_TYPE: { "schema": schema } } });
            written.responses.insert(status.into(), problem);
        }
    }

    /// As it stands in the document.
    pub(crate) fn finish(self, id: &str, tag: &str, text: &str) -> Value {
        let Written { parameters, body, mut responses, security } = self.written.unwrap_or_default();
        responses.sort_keys();
        let (summary, description) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut operation = json!({
            "operationId": id, "tags": [tag], "summary": summary.replace('\n', " ").replace('`', ""),
            "security": security, "responses": responses,
        });
        let optional = [
            ("description", (!description.is_empty()).then(|| description.into())),
            ("parameters", (!parameters.is_empty()).then(|| parameters.into())),
            ("requestBody", body),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                operation[key] = value;
            }
        }
        operation
    }
}
