//! `#[output(row)]`: a struct that can be read from the columns with the names of its fields.
use crate::{emit::text, names::cfg};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, Field, Fields, Item, ItemStruct, Result, spanned::Spanned};

/// The `FromRow` impl.
pub(crate) fn from_row(item: &Item) -> Result<TokenStream> {
    let Item::Struct(ItemStruct { ident: name, fields: Fields::Named(named), .. }) = item else {
        return Err(Error::new(item.span(), "what is read from a row is a struct with named fields"));
    };
    let fields = named.named.iter().filter_map(|field| field.ident.as_ref().map(|ident| (ident, field)));
    let columns = fields.clone().map(|(ident, field)| {
        let (name, cfg) = (text(ident), cfg(&field.attrs));
        quote!(#cfg #name)
    });
    let kinds = fields.clone().map(|(_, Field { ty, attrs, .. })| {
        let cfg = cfg(attrs);
        quote_spanned!(ty.span() => #cfg <#ty as ::tollgate::__private::Cell>::KIND)
    });
    // Counted where it runs: a field that is left out by its `cfg` has no column.
    let read = fields.map(|(ident, Field { ty, attrs, .. })| {
        let cfg = cfg(attrs);
        let read = quote_spanned!(ty.span() => row.read::<#ty>(columns.next().unwrap_or_default())?);
        quote!(#cfg #ident: #read)
    });
    Ok(quote! {
        impl ::tollgate::__private::FromRow for #name {
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
            const KINDS: &'static [::tollgate::__private::Kind] = &[#(#kinds),*];
            fn read(row: &dyn ::tollgate::__private::Row) -> ::tollgate::__private::Result<Self> {
                let mut columns = 0_usize..;
                ::core::result::Result::Ok(Self { #(#read,)* })
            }
        }
    })
}
