//! What was written: the struct under `#[resource]`, read and checked, every mistake with its place.
use crate::emit::snake;
use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Error, Fields, Ident, ItemStruct, LitStr, Result, Type, parse::Parser, spanned::Spanned};

/// Field attributes that `#[resource]` understands, besides doc comments.
const KNOWN: [&str; 10] =
    ["id", "owner", "unique", "index", "created_at", "updated_at", "version", "read_only", "hidden", "garde"];

/// A resource as the user wrote it.
pub(crate) struct Model {
    pub item: ItemStruct,
    pub arguments: Arguments,
    pub fields: Vec<Field>,
}

/// One field and what is known about it.
#[derive(Clone)]
pub(crate) struct Field {
    pub ident: Ident,
    pub ty: Type,
    /// What is said of it to readers: of the documentation, of the document, of the compiler's warnings.
    pub docs: Vec<Attribute>,
    pub garde: Vec<Attribute>,
    pub flags: Flags,
}

/// The field attributes, as said.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one attribute")]
pub(crate) struct Flags {
    pub id: Option<Span>,
    pub generated: bool,
    pub owner: bool,
    pub unique: bool,
    pub index: bool,
    pub created_at: bool,
    pub updated_at: bool,
    pub version: bool,
    pub read_only: bool,
    pub hidden: bool,
}

impl Flags {
    /// Whether the server or the app, never the caller, fills this field.
    pub(crate) fn server_set(&self) -> bool {
        self.roles() > 0
    }

    /// In how many ways it is filled without the caller.
    fn roles(&self) -> usize {
        [self.generated, self.owner, self.created_at, self.updated_at, self.version, self.read_only]
            .into_iter()
            .filter(|is| *is)
            .count()
    }
}

impl Model {
    /// Reads `#[resource(…)] struct …`; all mistakes are reported together.
    pub(crate) fn parse(said: TokenStream, item: TokenStream) -> Result<Self> {
        let item: ItemStruct = syn::parse2(item)
            .map_err(|error| Error::new(error.span(), "`#[resource]` describes a struct with named fields"))?;
        let mut errors = Errors::default();
        let arguments = errors.keep(arguments(said, &item.ident));
        if !item.generics.params.is_empty() {
            errors.add(item.generics.span(), "a resource cannot be generic: it is one table");
        }
        let Fields::Named(named) = &item.fields else {
            return Err(Error::new(item.ident.span(), "`#[resource]` describes a struct with named fields"));
        };
        for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            errors.add(attribute.path().span(), &unknown_attribute("serde"));
        }
        let fields: Vec<Field> = named.named.iter().filter_map(|field| errors.keep(read(field))).collect();
        check_roles(&item, &fields, &mut errors);
        errors.finish()?;
        let arguments = arguments.ok_or_else(|| Error::new(Span::call_site(), "nothing was said"))?;
        Ok(Self { item, arguments, fields })
    }

    /// The index of the field that identifies a row; `check_roles` has refused a resource without.
    pub(crate) fn id(&self) -> usize {
        self.fields.iter().position(|field| field.flags.id.is_some()).unwrap_or_default()
    }
}

/// What `#[resource(…)]` says.
pub(crate) struct Arguments {
    pub plural: LitStr,
    pub database: Option<LitStr>,
    /// The app writes `impl Policy` itself.
    pub policy: bool,
    /// Each write is recorded.
    pub audited: bool,
}

fn arguments(tokens: TokenStream, name: &Ident) -> Result<Arguments> {
    let (mut plural, mut database, mut policy, mut audited) = (None, None, false, false);
    let parser = syn::meta::parser(|meta| {
        match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("plural") => plural = Some(meta.value()?.parse::<LitStr>()?),
            Some("database") => database = Some(meta.value()?.parse()?),
            Some("policy") => policy = true,
            Some("audited") => audited = true,
            _ => {
                return Err(
                    meta.error("`#[resource]` knows `plural = \"…\"`, `database = \"…\"`, `policy` and `audited`")
                );
            }
        }
        Ok(())
    });
    parser.parse2(tokens)?;
    let plural = plural.ok_or_else(|| {
        let words = snake(&name.to_string());
        let example = format!("`#[resource(plural = \"{words}s\")]`");
        Error::new(
            name.span(),
            format!("`plural` is missing: what permissions, paths and the table call them, as in {example}"),
        )
    })?;
    let good = |c: char| c.is_ascii_lowercase() || c == '_';
    if plural.value().is_empty() || !plural.value().chars().all(good) {
        return Err(Error::new(plural.span(), "a plural is lower-case words joined by `_`, as in `\"blog_posts\"`"));
    }
    Ok(Arguments { plural, database, policy, audited })
}

fn read(field: &syn::Field) -> Result<Field> {
    let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "a field needs a name"))?;
    let mut read = Field { ident, ty: field.ty.clone(), docs: vec![], garde: vec![], flags: Flags::default() };
    let mut errors = Errors::default();
    for attribute in &field.attrs {
        errors.keep(read_attribute(attribute, &mut read));
    }
    if read.flags.server_set() && !read.garde.is_empty() {
        errors.add(read.garde[0].path().span(), "the server fills this field, so there is no input to validate");
    }
    errors.finish()?;
    Ok(read)
}

fn read_attribute(attribute: &Attribute, field: &mut Field) -> Result<()> {
    let name = attribute.path().get_ident().map(ToString::to_string).unwrap_or_default();
    let flags = &mut field.flags;
    match name.as_str() {
        "doc" | "schemars" | "allow" => field.docs.push(attribute.clone()),
        "garde" => field.garde.push(attribute.clone()),
        "id" => {
            flags.id = Some(attribute.path().span());
            flags.generated = generated(attribute)?;
        }
        "owner" => flags.owner = flag(attribute)?,
        "unique" => flags.unique = flag(attribute)?,
        "index" => flags.index = flag(attribute)?,
        "created_at" => flags.created_at = flag(attribute)?,
        "updated_at" => flags.updated_at = flag(attribute)?,
        "version" => flags.version = flag(attribute)?,
        "read_only" => flags.read_only = flag(attribute)?,
        "hidden" => flags.hidden = flag(attribute)?,
        unknown => return Err(Error::new(attribute.path().span(), unknown_attribute(unknown))),
    }
    Ok(())
}

fn flag(attribute: &Attribute) -> Result<bool> {
    attribute.meta.require_path_only().map(|_| true)
}

fn generated(attribute: &Attribute) -> Result<bool> {
    if attribute.meta.require_path_only().is_ok() {
        return Ok(false);
    }
    attribute.parse_nested_meta(|meta| {
        let refused = "an id is `#[id]` (the caller chooses) or `#[id(generated)]` (the database does)";
        if meta.path.is_ident("generated") { Ok(()) } else { Err(meta.error(refused)) }
    })?;
    Ok(true)
}

fn unknown_attribute(name: &str) -> String {
    let near = KNOWN.into_iter().find(|known| strsim::levenshtein(known, name) <= 2);
    match (name, near) {
        ("serde", _) => "a resource is written as its fields are named: rename the field, not its text".into(),
        ("cfg", _) => "a column is there in every build: the table is the same".into(),
        (_, Some(near)) => format!("unknown field attribute `{name}`; did you mean `{near}`?"),
        (_, None) => format!("unknown field attribute `{name}`; a resource knows {}", KNOWN.join(", ")),
    }
}

type Has = fn(&Flags) -> bool;

/// A row has one id, at most one owner and one version.
fn check_roles(item: &ItemStruct, fields: &[Field], errors: &mut Errors) {
    if errors.is_empty() && fields.iter().all(|field| field.flags.id.is_none()) {
        errors.add(item.ident.span(), "mark the field that identifies a row with `#[id]` or `#[id(generated)]`");
    }
    let roles: [(&str, Has); 5] = [
        ("id", |flags| flags.id.is_some()),
        ("owner", |flags| flags.owner),
        ("created_at", |flags| flags.created_at),
        ("updated_at", |flags| flags.updated_at),
        ("version", |flags| flags.version),
    ];
    for (name, has) in roles {
        for second in fields.iter().filter(|field| has(&field.flags)).skip(1) {
            errors.add(second.ident.span(), &format!("a resource has one `#[{name}]`"));
        }
    }
    for field in fields.iter().filter(|field| field.flags.roles() > 1) {
        errors.add(field.ident.span(), "the server fills a field in one way only");
    }
    for field in
        fields.iter().filter(|field| field.flags.id.is_some() && !field.flags.generated && field.flags.roles() > 0)
    {
        errors.add(field.ident.span(), "a key stays what it is from the start: `#[id]` or `#[id(generated)]`, alone");
    }
}

/// Mistakes found so far; all are shown, not just the first.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, at: Span, text: &str) {
        self.keep::<()>(Err(Error::new(at, text)));
    }

    pub(crate) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match (result, &mut self.0) {
            (Ok(value), _) => return Some(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
