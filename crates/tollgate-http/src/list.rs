//! What a list is asked for: `?released.gte=1990&title.contains=alien&sort=-rating,title&limit=20&cursor=…`.
//!
//! The parameters are the fields of the resource with the operators of [`Filter`](tollgate_store::Filter), under
//! the same names as in Rust. A cursor is the [`Position`] of the last row, sealed for exactly this question: it
//! continues no other, and a changed one is refused.

use crate::{
    Argument, Call, Context, Operation, Page, Place,
    query::{fault, pairs, refuses},
    words::{NAME, brief, unknown},
};
use axum::http::StatusCode;
use form_urlencoded::Serializer;
use serde_json::{Map, Value as Json, json};
use std::{borrow::Cow, marker::PhantomData, sync::Arc};
use tollgate_access::{May, Read};
use tollgate_core::{DAY, Fault, MOMENT, Problem};
use tollgate_store::{Column, Expr, Filter, Kind, Op, Order, Position, Resource, Sort, Store};

const DEFAULT_LIMIT: u32 = 20;
const MOST: u32 = 100;
/// The most conditions of a question, and the most values of one `in`: databases have limits of their own.
const MOST_CONDITIONS: usize = 100;
const MOST_VALUES: usize = 1000;
/// The longest cursor that is given out, in bytes: it has to come back in an address, which servers on the way limit to 8 KiB.
const LONGEST_CURSOR: usize = 6 * 1024;
/// Parameters that are not fields.
const OWN: [&str; 4] = ["sort", "limit", "cursor", "total"];

/// What a list of `R` is asked for, checked.
pub struct List<R> {
    filter: Expr,
    order: Vec<Order>,
    limit: u32,
    total: bool,
    after: Option<Position>,
    /// The question without its cursor: what a cursor is sealed for, and where the next page is.
    question: Question,
    context: Arc<Context>,
    of: PhantomData<fn() -> R>,
}

impl<R> std::fmt::Debug for List<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { filter, order, limit, .. } = self;
        f.debug_struct("List")
            .field("filter", filter)
            .field("order", order)
            .field("limit", limit)
            .finish_non_exhaustive()
    }
}

struct Question {
    path: String,
    pairs: Vec<(String, String)>,
}

/// An operator of a filter, as it stands behind the dot.
#[derive(Clone, Copy, PartialEq)]
enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    Contains,
    StartsWith,
    Has,
    IsNull,
}

use Operator::{Contains, Eq, Gt, Gte, Has, In, IsNull, Lt, Lte, Ne, StartsWith};

/// Each suffix and what it asks. Equality may also be written without one.
const OPERATORS: [(&str, Operator, &str); 12] = [
    ("", Eq, "Equal to this."),
    (".eq", Eq, "Equal to this."),
    (".ne", Ne, "Other than this."),
    (".lt", Lt, "Less than this."),
    (".lte", Lte, "At most this."),
    (".gt", Gt, "Greater than this."),
    (".gte", Gte, "At least this."),
    (".in", In, "One of these, separated by commas."),
    (".contains", Contains, "With this text in it."),
    (".starts_with", StartsWith, "With this text at its beginning."),
    (".has", Has, "With this text among others."),
    (".is_null", IsNull, "Empty, or not."),
];

impl Operator {
    /// Whether it makes sense for that column.
    fn fits(self, column: &Column) -> bool {
        match self {
            Eq | Ne | In => column.kind.is_ordered(),
            Lt | Lte | Gt | Gte => column.kind.is_ordered() && !matches!(column.kind, Kind::Bool | Kind::Choice(_)),
            Contains | StartsWith => column.kind == Kind::Text,
            Has => column.kind == Kind::Texts,
            IsNull => column.nullable,
        }
    }

    /// The condition; in words, what is wrong with the value.
    fn condition(self, index: usize, column: &Column, text: &str) -> Result<Expr, String> {
        let parse = |text: &str| column.kind.parse(text).ok_or_else(|| is_not(text, &in_words(column.kind)));
        let compare = |op| parse(text).map(|value| Expr::Compare(index, op, value));
        Ok(match self {
            Eq => compare(Op::Eq)?,
            Ne => Expr::Not(Box::new(compare(Op::Eq)?)),
            Lt => compare(Op::Lt)?,
            Lte => compare(Op::Lte)?,
            Gt => compare(Op::Gt)?,
            Gte => compare(Op::Gte)?,
            In if text.split(',').nth(MOST_VALUES).is_some() => return Err(format!("at most {MOST_VALUES} values")),
            In => Expr::In(index, text.split(',').map(parse).collect::<Result<_, _>>()?),
            Contains | StartsWith | Has if text.contains('\0') => return Err(is_not(text, &in_words(Kind::Text))),
            Contains => Expr::Contains(index, text.to_owned()),
            StartsWith => Expr::StartsWith(index, text.to_owned()),
            Has => Expr::Has(index, text.to_owned()),
            IsNull if text == "true" => Expr::IsNull(index),
            IsNull if text == "false" => Expr::Not(Box::new(Expr::IsNull(index))),
            IsNull => return Err(is_not(text, &in_words(Kind::Bool))),
        })
    }
}

fn is_not(text: &str, expected: &str) -> String {
    format!("`{}` is not {expected}", brief(text, NAME))
}

/// A field with an operator, as in `released.gte`.
struct Parameter {
    index: usize,
    column: &'static Column,
    suffix: &'static str,
    operator: Operator,
    about: &'static str,
}

impl Parameter {
    fn name(&self) -> String {
        format!("{}{}", self.column.name, self.suffix)
    }
}

/// Every parameter that is a field with an operator.
fn parameters<R: Resource>() -> impl Iterator<Item = Parameter> {
    R::TABLE.shown().flat_map(|(index, column)| {
        let fitting = OPERATORS.into_iter().filter(|(_, operator, _)| operator.fits(column));
        // A field of that name is asked for with `total.eq`.
        let free = fitting.filter(|(suffix, ..)| !(suffix.is_empty() && OWN.contains(&column.name)));
        free.map(move |(suffix, operator, about)| Parameter { index, column, suffix, operator, about })
    })
}

impl<R: Resource> Argument for List<R> {
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        operation.is_list = true;
        let fields = operation.schemas.stored::<R>();
        if operation.is_written() {
            write_parameters::<R>(operation, &fields);
        }
        operation.refuses(StatusCode::BAD_REQUEST, "The cursor is not one of this list, or a parameter is not UTF-8.");
        refuses(operation);
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let query = call.head.uri.query().unwrap_or_default();
        let pairs = pairs(query.as_bytes())?.into_owned().collect();
        let question = Question { path: call.head.uri.path().to_owned(), pairs };
        Self::read(question, Arc::clone(&call.context))
    }
}

/// Dozens of them, none of which can contradict anything: for the document alone.
fn write_parameters<R: Resource>(operation: &mut Operation<'_>, fields: &Map<String, Json>) {
    for parameter in parameters::<R>() {
        let field = fields.get(parameter.column.name);
        let plain = match (field, parameter.column.kind) {
            (_, Kind::Choice(names)) => json!({ "type": "string", "enum": names }),
            (Some(schema), kind) => comparable(schema.clone(), kind),
            (None, _) => json!({}),
        };
        let mut schema = match parameter.operator {
            IsNull => json!({ "type": "boolean" }),
            Has => json!({ "type": "string" }),
            In => json!({ "type": "array", "items": plain, "minItems": 1, "maxItems": MOST_VALUES }),
            _ => plain,
        };
        let about = field.and_then(|schema| schema["description"].as_str());
        let texts: Vec<_> = about.into_iter().chain([parameter.about]).collect();
        schema["description"] = texts.join(" ").into();
        operation.parameter(Place::Query, &parameter.name(), schema, false);
    }
    for (name, schema) in OWN.into_iter().zip(own_schemas::<R>()) {
        operation.parameter(Place::Query, name, schema, false);
    }
}

impl<R: Resource> List<R> {
    fn read(mut question: Question, context: Arc<Context>) -> Result<Self, Problem> {
        let mut faults = vec![];
        for name in OWN {
            if question.pairs.iter().filter(|(key, _)| key == name).count() > 1 {
                faults.push(fault(name, "it may come once"));
            }
        }
        let cursor = question.take("cursor");
        let limit = question.own("limit").and_then(|text| kept(read_limit(text), &mut faults));
        let total = question.own("total").and_then(|text| kept(read_total(text), &mut faults));
        let order = question.own("sort").map(|text| read_sort::<R>(text, &mut faults)).unwrap_or_default();
        if question.filters().nth(MOST_CONDITIONS).is_some() {
            return Err(Problem::invalid(vec![]).because(format!("at most {MOST_CONDITIONS} conditions")));
        }
        let conditions = question.filters().filter_map(|(name, text)| kept(read_filter::<R>(name, text), &mut faults));
        let filter = Expr::All(conditions.collect());
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let (limit, total) = (limit.unwrap_or(DEFAULT_LIMIT), total.unwrap_or(false));
        let mut list = Self { filter, order, limit, total, after: None, question, context, of: PhantomData };
        list.after = cursor.map(|cursor| list.open(&cursor)).transpose()?;
        Ok(list)
    }

    /// Only those that match this as well: `list.only(Book::PUBLISHED.eq(true)).page(&books, &may).await`.
    #[must_use]
    pub fn only(mut self, filter: Filter<R>) -> Self {
        self.filter = self.filter.and(filter.into());
        self
    }

    /// The rows that were asked for, among those that the caller may see.
    ///
    /// # Errors
    /// The database cannot be reached; 422 if the cursor of the next page would be too long to be sent.
    pub async fn page(self, rows: &Store<R>, may: &May<Read, R>) -> Result<Page<R>, Problem> {
        let found = rows.find(may, self.filter.clone().into());
        let found = self.order.iter().fold(found, |found, by| found.sort(Sort::from(*by)));
        let slice = found.page(self.limit, self.after.as_ref()).await?;
        let total = if self.total { Some(rows.count(may, self.filter.clone().into()).await?) } else { None };
        let next = slice.next.map(|next| self.context.seal.close(&self.seal_context(), &next.to_bytes()));
        if next.as_ref().is_some_and(|next| next.len() > LONGEST_CURSOR) {
            let why =
                "a page ends in a text that is too long to go on from; sort by another field, or ask for fewer at once";
            return Err(Problem::invalid(vec![]).because(why));
        }
        let link = next.as_ref().map(|next| self.question.with_cursor(next));
        Ok(Page { items: slice.items, next, total, link })
    }

    fn open(&self, cursor: &str) -> Result<Position, Problem> {
        let bytes = self.context.seal.open(&self.seal_context(), cursor);
        let position = bytes.and_then(|bytes| Position::from_bytes(&bytes));
        position.ok_or_else(|| Problem::bad_request().because("the cursor is not one of this list: repeat the filters and `sort` it was given for, or start without one"))
    }

    /// A cursor belongs to the rows and the order that were asked for, however that was written; how many at a time
    /// is free.
    fn seal_context(&self) -> Vec<u8> {
        let mut context = format!("cursor {}", R::PLURAL).into_bytes();
        let deciding = |(name, _): &&(String, String)| name != "limit" && name != "total";
        let mut deciding: Vec<_> = self.question.pairs.iter().filter(deciding).collect();
        deciding.sort_unstable();
        for text in deciding.into_iter().flat_map(|(name, value)| [name, value]) {
            context.extend_from_slice(&(text.len() as u64).to_be_bytes());
            context.extend_from_slice(text.as_bytes());
        }
        context
    }
}

impl Question {
    fn own(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(key, _)| key == name)?;
        Some(self.pairs.remove(at).1)
    }

    fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.pairs.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        fields.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    fn with_cursor(&self, cursor: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.pairs).append_pair("cursor", cursor);
        format!("{}?{}", self.path, query.finish())
    }
}

/// What was read, or nothing and one fault more.
fn kept<T>(read: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn read_limit(text: &str) -> Result<u32, Fault> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| fault("limit", format!("it is a number from 1 to {MOST}")))
}

fn read_total(text: &str) -> Result<bool, Fault> {
    text.parse().map_err(|_| fault("total", "it is `true` or `false`"))
}

fn read_sort<R: Resource>(text: &str, faults: &mut Vec<Fault>) -> Vec<Order> {
    let mut order: Vec<Order> = vec![];
    for text in text.split(',') {
        match read_order::<R>(text) {
            Err(fault) if faults.len() < MOST_CONDITIONS => faults.push(fault),
            Err(_) => break,
            // What a field has decided it does not decide again; the question stays as small as the table.
            Ok(by) if order.iter().all(|before| before.column != by.column) => order.push(by),
            Ok(_) => {}
        }
    }
    order
}

fn read_order<R: Resource>(text: &str) -> Result<Order, Fault> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let column = sortable::<R>().find(|(_, column)| column.name == name).map(|(column, _)| column);
    let names = || sortable::<R>().map(|(_, column)| column.name);
    column.map(|column| Order { column, descending }).ok_or_else(|| fault("sort", unknown("field", name, names())))
}

/// The columns that callers may sort by.
fn sortable<R: Resource>() -> impl Iterator<Item = (usize, &'static Column)> {
    R::TABLE.shown().filter(|(_, column)| column.kind.is_ordered())
}

fn read_filter<R: Resource>(name: &str, text: &str) -> Result<Expr, Fault> {
    let is_meant = |known: &Parameter| name.strip_prefix(known.column.name) == Some(known.suffix);
    let Some(Parameter { index, column, operator, .. }) = parameters::<R>().find(is_meant) else {
        let names = parameters::<R>().map(|known| known.name()).chain(OWN.map(str::to_owned));
        return Err(fault(name, unknown("parameter", name, names)));
    };
    operator.condition(index, column, text).map_err(|detail| fault(name, detail))
}

fn in_words(kind: Kind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        Kind::Decimal { precision, scale } => {
            return format!("a number of at most {precision} digits, {scale} of them decimals").into();
        }
        Kind::Choice(names) => return format!("one of `{}`", names.join("`, `")).into(),
        Kind::Bool => "`true` or `false`",
        Kind::Int32 => "a whole number of 32 bits",
        Kind::Int64 => "a whole number of 64 bits",
        Kind::Float => "a number",
        Kind::Uuid => "a UUID",
        Kind::Time => MOMENT,
        Kind::Date => DAY,
        Kind::Text | Kind::Texts | Kind::Json => "a text without NUL",
        Kind::ObjectId => "24 hexadecimal digits",
    })
}

fn own_schemas<R: Resource>() -> [Json; 4] {
    let both_ways = |(_, column): (_, &Column)| [column.name.to_owned(), format!("-{}", column.name)];
    let fields: Vec<String> = sortable::<R>().flat_map(both_ways).collect();
    [
        json!({
            "type": "array", "items": { "type": "string", "enum": fields }, "minItems": 1, "uniqueItems": true,
            "description": "Fields, the first counts most; `-` for descending. Text by code point, `Z` before `a`; what is empty \
                            first, descending last.",
        }),
        json!({
            "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT,
            "description": "How many rows at most.",
        }),
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "description": "`next` of the page before." }),
        json!({ "type": "boolean", "default": false, "description": "Whether to count the rows of all pages." }),
    ]
}

/// A field's type without its rules: one may look for what cannot be stored. The pattern of an object id is no rule, it
/// is how one is written.
fn comparable(mut schema: Json, kind: Kind) -> Json {
    if let Some(object) = schema.as_object_mut() {
        let is_kept =
            |key: &str| matches!(key, "type" | "format" | "$ref") || (kind == Kind::ObjectId && key == "pattern");
        object.retain(|key, _| is_kept(key));
        if let Some(Json::Array(types)) = object.get("type") {
            let plain = types.iter().find(|name| *name != "null").cloned().unwrap_or_default();
            object.insert("type".into(), plain);
        }
    }
    schema
}
