//! What callers send: `NewMovie` to create a row, `MoviePatch` to change part of one.
use crate::{
    checks::checks,
    data::{derives, misfits, reading, rust_type},
    emit::{debug, indexed, text},
    model::{Field, Model},
};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

/// `NewMovie`: what a caller sends to create one.
pub(crate) fn new(model: &Model) -> TokenStream {
    let doc = format!(" What a caller sends to create a [`{}`].", model.item.ident);
    let fields: Vec<_> = indexed(model, true).map(|(_, field)| field).collect();
    let declared = fields.iter().map(|Field { ident, ty, docs, garde, .. }| {
        quote! { #(#docs)* #(#garde)* pub #ident: #ty }
    });
    let checked = fields.iter().map(|field| {
        let (ident, check) = (&field.ident, field_check(field));
        quote! { let value = &self.#ident; #check }
    });
    input(model, false, &doc, &quote!(#(#declared,)*), &quote!(#({ #checked })*))
}

/// `MoviePatch`: what a caller sends to change part of one.
pub(crate) fn patch(model: &Model) -> TokenStream {
    let doc = format!(" A partial change of a [`{}`]: what is absent stays as it is.", model.item.ident);
    let fields: Vec<_> = indexed(model, false).map(|(_, field)| field).collect();
    let declared = fields.iter().map(|Field { ident, ty, docs, garde, .. }| {
        quote! { #(#docs)* #(#garde)* #[serde(default)] pub #ident: ::tollgate::__private::Change<#ty> }
    });
    let checked = fields.iter().map(|field| {
        let (ident, check) = (&field.ident, field_check(field));
        quote! { if let ::tollgate::__private::Change::Set(value) = &self.#ident { #check } }
    });
    input(model, true, &doc, &quote!(#(#declared,)*), &quote!(#(#checked)*))
}

fn input(model: &Model, is_patch: bool, doc: &str, fields: &TokenStream, checks: &TokenStream) -> TokenStream {
    let (vis, name) = (&model.item.vis, &if is_patch { patch_name(model) } else { new_name(model) });
    let derives = derives(&[quote!(Deserialize)]);
    let (rust_type, read) = (rust_type(name), reading(name, true, None));
    let sent: Vec<Field> = indexed(model, !is_patch).map(|(_, field)| field.clone()).collect();
    let debug = debug(name, &sent);
    // A patch that changes nothing is where one written in Rust starts: `MoviePatch { rating: …, ..Default::default() }`.
    let default = is_patch.then(|| quote!(Default,));
    let optional = is_patch.then(|| quote!(.optional()));
    let probes = sent.iter().map(|Field { ident, ty, .. }| {
        let name = text(ident);
        quote_spanned!(ty.span() => ::tollgate::__private::sent::<#ty>(#name) #optional)
    });
    let refused = model.fields.iter().filter_map(|field| refused(field, is_patch));
    let misfits = misfits(probes.chain(refused));
    quote! {
        #[doc = #doc]
        #[allow(missing_docs, reason = "the resource documents its fields")]
        #[allow(clippy::derive_partial_eq_without_eq, reason = "a field may be a float")]
        #[derive(Clone, #default PartialEq)]
        #derives
        #[serde(deny_unknown_fields, remote = "Self", expecting = "an object")]
        #rust_type
        #vis struct #name { #fields }
        #debug
        #read
        impl ::tollgate::__private::Input for #name {
            #misfits
            fn check(&self, at: &::tollgate::__private::At<'_>, faults: &mut ::tollgate::__private::Faults) { #checks }
        }
    }
}

/// How a field that is not among those that are sent is told to be none.
fn refused(Field { ident, flags, .. }: &Field, is_patch: bool) -> Option<TokenStream> {
    let why = match flags {
        flags if flags.server_set() => "is set by the server",
        flags if flags.id.is_some() && is_patch => "stays what it is: it says which row this is",
        _ => return None,
    };
    let name = text(ident);
    Some(quote!(::tollgate::__private::Probe::refused(#name, #why)))
}

fn field_check(field: &Field) -> TokenStream {
    let name = text(&field.ident);
    let own = quote_spanned!(field.ty.span() => ::tollgate::__private::check_sent(value, &at, faults););
    match checks(&field.garde, &own) {
        Ok(Some(checks)) => quote! { let at = at.inside(#name); #checks },
        Ok(None) => quote!(let _ = value;),
        Err(error) => error.to_compile_error(),
    }
}

pub(crate) fn new_name(model: &Model) -> Ident {
    format_ident!("New{}", model.item.ident)
}

pub(crate) fn patch_name(model: &Model) -> Ident {
    format_ident!("{}Patch", model.item.ident)
}
