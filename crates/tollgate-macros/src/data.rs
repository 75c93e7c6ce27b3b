//! `#[input]` and `#[output]`: plain data that requests bring and answers carry.
use crate::{checks::checks, row};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Error, Fields, Ident, Item, LitStr, Result, Type, ext::IdentExt, parse::ParseBuffer, spanned::Spanned,
};

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
    let both = !others.is_empty();
    let (input, output) = (both || direction == Direction::Input, both || direction == Direction::Output);
    let mut wanted = vec![];
    wanted.extend(input.then(|| quote!(Deserialize)));
    wanted.extend(output.then(|| quote!(Serialize)));
    let (derives, rust_type) = (derives(&wanted), rust_type(&ident));
    let object = input && matches!(item, Item::Struct(_));
    let deny = input.then(|| quote!(#[serde(deny_unknown_fields)]));
    let remote = object.then(|| quote!(#[serde(remote = "Self", expecting = "an object")]));
    let reading = object.then(|| object_only(&ident));
    let writing = (object && output).then(|| serialize_too(&ident));
    let misfits = probes(&item).map(misfits);
    let checked = if input { field_checks(&item)? } else { TokenStream::new() };
    let input = input.then(|| quote! {
        impl ::tollgate::__private::Input for #ident {
            #misfits
            fn check(&self, at: &::tollgate::__private::At<'_>, faults: &mut ::tollgate::__private::Faults) { let _ = (at, &faults); #checked }
        }
    });
    let output = output.then(|| quote!(impl ::tollgate::__private::Output for #ident {}));
    let row = if row::is_said(said, &others)? { row::from_row(&item)? } else { TokenStream::new() };
    Ok(quote! { #derives #deny #remote #rust_type #item #reading #writing #input #output #row })
}

fn field_checks(item: &Item) -> Result<TokenStream> {
    let Item::Struct(item) = item else { return Ok(TokenStream::new()) };
    let Fields::Named(named) = &item.fields else { return Ok(TokenStream::new()) };
    named
        .named
        .iter()
        .filter_map(|field| field.ident.as_ref().map(|ident| (ident, field)))
        .map(|(ident, field)| {
            let rules: Vec<_> = field.attrs.iter().filter(|a| a.path().is_ident("garde")).cloned().collect();
            let (finite, checks, name) = (finite(&field.ty), checks(&rules, &field.ty)?, ident.unraw().to_string());
            Ok(quote!({ let (at, value) = (at.inside(#name), &self.#ident); let _ = (&at, value); #finite #checks }))
        })
        .collect()
}

/// How each field is held against a body; nothing where serde has more to say than this understands.
fn probes(item: &Item) -> Option<Vec<TokenStream>> {
    let Item::Struct(item) = item else { return None };
    let Fields::Named(named) = &item.fields else { return None };
    let is_plain = !item.attrs.iter().any(|attribute| attribute.path().is_ident("serde"));
    is_plain.then(|| named.named.iter().map(probe).collect())?
}

fn probe(field: &syn::Field) -> Option<TokenStream> {
    let (mut name, mut optional) = (field.ident.as_ref()?.unraw().to_string(), None);
    for serde in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        serde
            .parse_nested_meta(|said| {
                let value = said.value().ok().map(ParseBuffer::parse::<LitStr>).transpose()?;
                match (said.path.get_ident().map(ToString::to_string).as_deref(), value) {
                    (Some("rename"), Some(said)) => name = said.value(),
                    (Some("default"), _) => optional = Some(quote!(.optional())),
                    _ => return Err(said.error("it changes how the field is read")),
                }
                Ok(())
            })
            .ok()?;
    }
    let dives = |rule: &Attribute| rule.path().is_ident("garde") && rule.to_token_stream().to_string().contains("dive");
    let (ty, how) = (&field.ty, if field.attrs.iter().any(dives) { quote!(within) } else { quote!(of) });
    Some(quote!(::tollgate::__private::Probe::#how::<#ty>(#name) #optional))
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

/// A query string may say `nan`, which lies in no range and outside of none.
fn finite(ty: &Type) -> Option<TokenStream> {
    let name = ty.to_token_stream().to_string().replace(' ', "");
    let is_float = matches!(name.as_str(), "f64" | "Option<f64>" | "Vec<f64>");
    is_float.then(|| quote!(::tollgate::__private::Input::check(value, &at, faults);))
}

/// `#[derive(…)]` by way of our re-exports.
pub(crate) fn derives(traits: &[TokenStream]) -> TokenStream {
    quote! {
        #[derive(#(::tollgate::__private::serde::#traits,)* ::tollgate::__private::schemars::JsonSchema)]
        #[serde(crate = "::tollgate::__private::serde")]
        #[schemars(crate = "::tollgate::__private::schemars")]
    }
}

/// `Deserialize` for a struct that is an object and nothing else.
///
/// Serde's own reads `["Alien", 1979]` as a struct as well, by position, past every name that was checked. So the
/// derive writes an inherent function (`remote = "Self"`), and the impl calls it through `ObjectOnly`.
pub(crate) fn object_only(ident: &Ident) -> TokenStream {
    quote! {
        impl<'de> ::tollgate::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D>(deserializer: D) -> ::core::result::Result<Self, D::Error>
            where
                D: ::tollgate::__private::serde::Deserializer<'de>,
            {
                Self::deserialize(::tollgate::__private::ObjectOnly(deserializer))
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
