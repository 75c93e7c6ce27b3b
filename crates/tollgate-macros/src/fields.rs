//! The parts of an input, under the names by which they are sent: what is checked, and what does not fit.
use crate::{
    checks::checks,
    names::{Said, cfg},
};
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Field, Fields, Ident, Item, Result, Variant, ext::IdentExt, spanned::Spanned};

/// Refuses what would be read, and stand in the document, and hold nobody back.
pub(crate) fn refuse(item: &Item, is_open: bool) -> Result<()> {
    let mut errors = crate::model::Errors::default();
    let (own, variants) = match item {
        Item::Struct(item) => (&item.attrs, vec![]),
        Item::Enum(item) => (&item.attrs, item.variants.iter().collect()),
        _ => return Ok(()),
    };
    for attribute in own.iter().chain(variants.iter().flat_map(|variant| &variant.attrs)) {
        if attribute.path().is_ident("garde") {
            errors.add(attribute.path().span(), "a rule stands on a field");
        }
    }
    for field in all_fields(item) {
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("validate")) {
            errors.add(attribute.path().span(), "a rule is `#[garde(…)]`");
        }
        if let Some(span) = Said::of(&field.attrs).flatten.filter(|_| !is_open) {
            errors.add(span, FLATTEN);
        }
    }
    errors.finish()
}

const FLATTEN: &str = "an input that refuses unknown fields cannot be part of another: write its fields out, make it a \
                       field, or read both with `#[input(open)]`";

fn all_fields(item: &Item) -> Vec<&Field> {
    match item {
        Item::Struct(item) => item.fields.iter().collect(),
        Item::Enum(item) => item.variants.iter().flat_map(|variant| &variant.fields).collect(),
        _ => vec![],
    }
}

/// Statements that check every part of `self`.
pub(crate) fn checked(item: &Item) -> Result<TokenStream> {
    let arms: TokenStream = match item {
        Item::Struct(item) => {
            let said = Said::of(&item.attrs);
            arm(&quote!(Self), &item.fields, said.rename_all.as_deref(), said.transparent, &[])?
        }
        Item::Enum(item) => {
            let said = Said::of(&item.attrs);
            item.variants.iter().map(|variant| variant_arm(variant, &said)).collect::<Result<_>>()?
        }
        _ => TokenStream::new(),
    };
    Ok(if all_fields(item).is_empty() { TokenStream::new() } else { quote!(match self { #arms }) })
}

fn variant_arm(variant: &Variant, all: &Said) -> Result<TokenStream> {
    let (said, ident) = (Said::of(&variant.attrs), &variant.ident);
    let name = said.name_of_variant(ident, all.rename_all.as_deref());
    let path = match (&all.tag, &all.content) {
        _ if all.untagged || said.untagged => vec![],
        (Some(_), Some(content)) => vec![content.clone()],
        (Some(_), None) => vec![],
        (None, _) => vec![name],
    };
    let fields = said.rename_all.as_deref().or(all.rename_all_fields.as_deref());
    let (cfg, arm) = (cfg(&variant.attrs), arm(&quote!(Self::#ident), &variant.fields, fields, false, &path)?);
    Ok(quote!(#cfg #arm))
}

/// `Self { title: field_0 } => { … }`; a tuple has its fields by number.
fn arm(
    of: &TokenStream,
    fields: &Fields,
    all: Option<&str>,
    is_transparent: bool,
    path: &[String],
) -> Result<TokenStream> {
    let (mut bound, mut checks_of) = (vec![], vec![]);
    let is_value = is_transparent || matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
    for (index, field) in fields.iter().enumerate() {
        let (said, local, cfg) = (Said::of(&field.attrs), format_ident!("field_{index}"), cfg(&field.attrs));
        let own = quote_spanned!(field.ty.span() => ::tollgate::__private::Input::check(value, &at, faults););
        let checks = if said.skip { None } else { checks(&field.attrs, &own)? };
        let Some(checks) = checks else { continue };
        let name = match &field.ident {
            Some(ident) => said.name_of_field(ident, all),
            None => index.to_string(),
        };
        let at = (!is_value).then(|| quote!(let at = at.inside(#name);));
        let member = member(field, index);
        bound.push(quote!(#cfg #member: #local));
        checks_of.push(quote!(#cfg { let value = #local; #at #checks }));
    }
    let path = path.iter().map(|step| quote!(let at = at.inside(#step);));
    Ok(quote!(#of { #(#bound,)* .. } => { #(#path)* #(#checks_of)* let _ = &at; }))
}

fn member(field: &Field, index: usize) -> syn::Member {
    field.ident.clone().map_or_else(|| index.into(), syn::Member::Named)
}

/// How each field is held against a body; nothing where serde has more to say than this understands.
pub(crate) fn probes(item: &Item) -> Option<Vec<TokenStream>> {
    let Item::Struct(item) = item else { return None };
    let Fields::Named(named) = &item.fields else { return None };
    let all = Said::of(&item.attrs);
    let is_plain = !(all.more || all.transparent || all.tag.is_some());
    let probes: Result<Vec<_>> = named.named.iter().map(|field| probe(field, &all)).collect();
    probes.ok().filter(|_| is_plain).map(|probes| probes.into_iter().flatten().collect())
}

/// No probe where the field is not read; an error where it cannot be told.
fn probe(field: &Field, all: &Said) -> Result<Option<TokenStream>> {
    let (said, ty) = (Said::of(&field.attrs), &field.ty);
    if said.more || said.flatten.is_some() {
        return Err(untold(field));
    }
    let name = said.name_of_field(field.ident.as_ref().ok_or_else(|| untold(field))?, all.rename_all.as_deref());
    let optional = (said.default || all.default).then(|| quote!(.optional()));
    let is_input = checks(&field.attrs, &TokenStream::new())?.is_some();
    let (how, cfg) = (if is_input { quote!(within) } else { quote!(of) }, cfg(&field.attrs));
    Ok((!said.skip)
        .then(|| quote_spanned!(ty.span() => #cfg ::tollgate::__private::Probe::#how::<#ty>(#name) #optional)))
}

fn untold(field: &Field) -> syn::Error {
    syn::Error::new(field.span(), "serde has more to say of it")
}

/// The same type without strictness, for what was stored: rows outlive types. Nothing where that changes nothing, and
/// where the names of fields decide which variant is meant.
pub(crate) fn stored(item: &Item, ident: &Ident) -> Option<TokenStream> {
    let mut twin = item.clone();
    let name = format_ident!("__Stored{}", ident.unraw());
    let is_known = |attribute: &Attribute| attribute.path().is_ident("serde") || attribute.path().is_ident("cfg");
    let keep = |attributes: &mut Vec<Attribute>| attributes.retain(is_known);
    let fields: Vec<&mut Field> = match &mut twin {
        Item::Struct(twin) => {
            (twin.ident, twin.vis) = (name.clone(), syn::Visibility::Inherited);
            keep(&mut twin.attrs);
            matches!(twin.fields, Fields::Named(_)).then(|| twin.fields.iter_mut().collect())?
        }
        Item::Enum(twin) => {
            (twin.ident, twin.vis) = (name.clone(), syn::Visibility::Inherited);
            keep(&mut twin.attrs);
            twin.variants.iter_mut().for_each(|variant| keep(&mut variant.attrs));
            let is_untagged = Said::of(&twin.attrs).untagged;
            (!is_untagged).then(|| twin.variants.iter_mut().flat_map(|variant| &mut variant.fields).collect())?
        }
        _ => return None,
    };
    if fields.is_empty() {
        return None;
    }
    for field in fields {
        keep(&mut field.attrs);
        field.ty = syn::parse2(named(field.ty.to_token_stream(), ident)).ok()?;
    }
    let remote = ident.to_string();
    Some(quote! {
        #[derive(::tollgate::__private::serde::Deserialize)]
        #[serde(crate = "::tollgate::__private::serde", remote = #remote)]
        #[allow(dead_code, reason = "it says how rows are read, and is never made")]
        #twin
        if ::tollgate::__private::is_from_a_row() {
            return #name::deserialize(deserializer);
        }
    })
}

/// The same tokens with the type's own name in place of `Self`, which the twin is not.
fn named(tokens: TokenStream, ident: &Ident) -> TokenStream {
    let each = |token: TokenTree| match token {
        TokenTree::Ident(name) if name == "Self" => TokenTree::Ident(ident.clone()),
        TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), named(group.stream(), ident))),
        other => other,
    };
    tokens.into_iter().map(each).collect()
}
