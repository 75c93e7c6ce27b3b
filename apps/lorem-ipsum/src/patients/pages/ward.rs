//! Who is looked at: everybody who is watched, and where there are too many, those who need it most.

use super::monitor::{Asked, said};
use crate::{letters::capital, patients::model::Patient};
use std::collections::BTreeSet;
use tollgate::prelude::*;

/// The most words of a search.
const WORDS: usize = 8;

/// Those who are watched: of more than there is room for, the most serious, and whoever is asked for.
pub(super) struct Ward {
    pub(super) patients: Vec<Patient>,
    /// How many there are.
    pub(super) watched: u64,
}

impl Ward {
    /// As many as there is room for, and as many who are asked for.
    pub(super) async fn of(
        patients: &Store<Patient>,
        may: &May<Read, Patient>,
        asked: &Asked,
        most: u32,
    ) -> Result<Self> {
        let watched = || Patient::DISCHARGED.is_null();
        let first = |wanted: Filter<Patient>| {
            patients.find(may, wanted).sort(Patient::LEVEL.desc()).sort(Patient::PATIENT_ID.asc()).limit(most)
        };
        let mut all = first(watched()).all().await?;
        if all.len() < most as usize {
            return Ok(Self { watched: all.len() as u64, patients: all });
        }
        if let Some(wanted) = asked.filter() {
            let known: BTreeSet<_> = all.iter().map(|patient| patient.patient_id.clone()).collect();
            let found = first(watched() & wanted).all().await?;
            all.extend(found.into_iter().filter(|patient| !known.contains(&patient.patient_id)));
        }
        Ok(Self { patients: all, watched: patients.count(may, watched()).await? })
    }

    /// Whether everybody is there.
    pub(super) fn is_whole(&self) -> bool {
        self.watched == self.patients.len() as u64
    }
}

impl Asked {
    /// Who is asked for, in words that a database finds, which looks at the case of letters.
    fn filter(&self) -> Option<Filter<Patient>> {
        let place = Some(said(self.place.as_ref())).filter(|place| !place.is_empty());
        let named = |word: &str| {
            let (as_typed, as_a_name) = (Patient::NAME.contains(word), Patient::NAME.contains(capital(word)));
            as_typed | as_a_name | Patient::PATIENT_ID.contains(word.to_uppercase())
        };
        let words = said(self.q.as_ref()).split_whitespace().take(WORDS).map(named);
        place.map(|place| Patient::PLACE.eq(place)).into_iter().chain(words).reduce(|all, one| all & one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tollgate::{Memory, SystemClock};

    fn patient(number: i32, name: &str) -> Patient {
        Patient {
            patient_id: format!("P-{number}"),
            clinician: "clio".into(),
            name: name.into(),
            born: 1980,
            place: if number < 4 { "Ferry" } else { "Harbour" }.into(),
            discharged: None,
            level: i32::from(number < 3),
            temperature: None,
            heart_rate: None,
            systolic: None,
            diastolic: None,
            spo2: None,
            seen: None,
        }
    }

    #[tokio::test]
    async fn of_a_large_ward_the_most_serious_are_there_and_whoever_is_searched_for() {
        let patients = Store::new(Arc::new(Memory::default()), Arc::new(SystemClock::default()));
        let system = System::because("a test");
        let names = ["Ines Okafor", "Leif Marandi", "Mei Sørensen", "Oskar", "Ruth McAllister"];
        let rows = (1..).zip(names).map(|(number, name)| patient(number, name)).collect();
        patients.upsert(&(system.may(), system.may()), rows, []).await.unwrap();
        let found = async |q: &str, place: &str, most| {
            let some = |text: &str| Some(text.to_owned());
            let asked = Asked { state: None, q: some(q), place: some(place), sort: None, page: None };
            let ward = Ward::of(&patients, &system.may(), &asked, most).await.unwrap();
            let names = ward.patients.iter().map(|patient| patient.name[..2].to_owned()).collect::<Vec<_>>().join(" ");
            (names, ward.watched, ward.is_whole())
        };
        assert_eq!(found("", "", 9).await, ("In Le Me Os Ru".into(), 5, true));
        assert_eq!(found("", "", 2).await, ("In Le".into(), 5, false));
        for (q, place) in [("RUTH", ""), ("ruth all", "Harbour"), ("p-5", ""), ("McA", "")] {
            assert_eq!(found(q, place, 2).await, ("In Le Ru".into(), 5, false), "{q}");
        }
        assert_eq!(found("okafor", "", 2).await.0, "In Le", "who is there is there once");
        assert_eq!(found("ruth", "Ferry", 2).await.0, "In Le");
    }
}
