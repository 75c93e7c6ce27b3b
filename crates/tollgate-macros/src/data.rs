//! `#[input]` and `#[output]`: plain data that requests bring and answers carry.
use crate::{fields, row};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Fields, Ident, Item, Meta, Result, ext::IdentExt, parse::Parser, spanned::Spanned};

/// Which way the data goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    Input,
    Output,
}

/// Writes the derives and the marker impls; `#[input] #[output]` on one type gives both.
pub(crate) fn data(said: TokenStream, item: TokenStream, direction: Direction) -> Result<TokenStream> {
    let mut item: Item = syn::parse2(item)?;
    let (attrs, ident, generics) = match &mut item {
        Item::Struct(item) => (&mut item.attrs, item.ident.clone(), item.generics.clone()),
        Item::Enum(item) => (&mut item.attrs, item.ident.clone(), item.generics.clone()),
        other => return Err(Error::new(other.span(), "`#[input]` and `#[output]` describe a struct or an enum")),
    };
    if !generics.params.is_empty() {
        return Err(Error::new(generics.span(), "data cannot be generic: it has one name in the document"));
    }
    let is_ours = |attribute: &mut Attribute| attribute.path().is_ident("input") || attribute.path().is_ident("output");
    let others: Vec<Attribute> = attrs.extract_if(.., is_ours).collect();
    let mut kind = Kind::default();
    kind.hear(direction, said)?;
    for other in &others {
        let direction = if other.path().is_ident("input") { Direction::Input } else { Direction::Output };
        let said = if let Meta::List(list) = &other.meta { list.tokens.clone() } else { TokenStream::new() };
        kind.hear(direction, said)?;
    }
    let input = if kind.input { input(&item, &ident, &kind)? } else { TokenStream::new() };
    let output = kind.output.then(|| quote!(impl ::tollgate::__private::Output for #ident {}));
    let row = if kind.row { row::from_row(&item)? } else { TokenStream::new() };
    let mut wanted = vec![];
    wanted.extend(kind.input.then(|| quote!(Deserialize)));
    wanted.extend(kind.output.then(|| quote!(Serialize)));
    let (derives, rust_type) = (derives(&wanted), rust_type(&ident));
    let deny = (kind.input && !kind.open).then(|| quote!(#[serde(deny_unknown_fields)]));
    let remote = kind.input.then(|| quote!(#[serde(remote = "Self")]));
    let expecting = (kind.input && is_object(&item)).then(|| quote!(#[serde(expecting = "an object")]));
    let writing = (kind.input && kind.output).then(|| serialize_too(&ident));
    Ok(quote! { #derives #deny #remote #expecting #rust_type #item #writing #input #output #row })
}

/// What is said in all the attributes of one type.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one word")]
struct Kind {
    input: bool,
    output: bool,
    /// Unknown fields are passed over.
    open: bool,
    /// It is read from rows.
    row: bool,
}

impl Kind {
    fn hear(&mut self, direction: Direction, said: TokenStream) -> Result<()> {
        let (known, refusal, is, word) = match direction {
            Direction::Input => ("open", "`#[input]` knows `open`", &mut self.input, &mut self.open),
            Direction::Output => ("row", "`#[output]` knows `row`", &mut self.output, &mut self.row),
        };
        *is = true;
        let parser = syn::meta::parser(|meta| {
            *word = meta.path.is_ident(known);
            if *word { Ok(()) } else { Err(meta.error(refusal)) }
        });
        parser.parse2(said)
    }
}

fn is_object(item: &Item) -> bool {
    matches!(item, Item::Struct(item) if matches!(item.fields, Fields::Named(_)))
}

/// `Deserialize` and `Input`.
fn input(item: &Item, ident: &Ident, kind: &Kind) -> Result<TokenStream> {
    fields::refuse(item, kind.open)?;
    let stored = (kind.output && !kind.open).then(|| fields::stored(item, ident)).flatten();
    let reading = reading(ident, is_object(item), stored.as_ref());
    // What is open has no field too many; what else does not fit is told by the first that serde meets.
    let misfits = if kind.open { None } else { fields::probes(item).map(misfits) };
    let checked = fields::checked(item)?;
    Ok(quote! {
        #reading
        impl ::tollgate::__private::Input for #ident {
            #misfits
            fn check(&self, at: &::tollgate::__private::At<'_>, faults: &mut ::tollgate::__private::Faults) {
                let _ = (at, &faults);
                #checked
            }
        }
    })
}

/// Tells every field that does not fit, not only the first.
pub(crate) fn misfits(probes: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let probes = probes.into_iter();
    quote! {
        fn misfits(
            body: &::tollgate::__private::serde_json::Value,
            at: &::tollgate::__private::At<'_>,
            found: &mut ::tollgate::__private::Misfits,
        ) {
            found.fields::<Self>(body, at, &[#(#probes,)*]);
        }
    }
}

/// `#[derive(…)]` by way of our re-exports.
pub(crate) fn derives(traits: &[TokenStream]) -> TokenStream {
    quote! {
        #[derive(#(::tollgate::__private::serde::#traits,)* ::tollgate::__private::schemars::JsonSchema)]
        #[serde(crate = "::tollgate::__private::serde")]
        #[schemars(crate = "::tollgate::__private::schemars")]
    }
}

/// `Deserialize` for a struct that is an object and nothing else, and for what was stored by another version of it.
///
/// Serde's own reads `["Alien", 1979]` as a struct as well, by position, past every name that was checked. So the
/// derive writes an inherent function (`remote = "Self"`), and the impl calls it through `ObjectOnly`.
pub(crate) fn reading(ident: &Ident, is_object: bool, stored: Option<&TokenStream>) -> TokenStream {
    let only = is_object.then(|| quote!(let deserializer = ::tollgate::__private::ObjectOnly(deserializer);));
    quote! {
        impl<'de> ::tollgate::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D>(deserializer: D) -> ::core::result::Result<Self, D::Error>
            where
                D: ::tollgate::__private::serde::Deserializer<'de>,
            {
                #only
                #stored
                Self::deserialize(deserializer)
            }
        }
    }
}

/// The same detour for `Serialize`, which `remote` takes along.
fn serialize_too(ident: &Ident) -> TokenStream {
    quote! {
        impl ::tollgate::__private::serde::Serialize for #ident {
            fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
            where
                S: ::tollgate::__private::serde::Serializer,
            {
                Self::serialize(self, serializer)
            }
        }
    }
}

/// The full Rust name, kept in the schema so that two types with one name are noticed.
pub(crate) fn rust_type(ident: &Ident) -> TokenStream {
    let name = format!("::{}", ident.unraw());
    quote!(#[schemars(extend("x-rust-type" = concat!(module_path!(), #name)))])
}
