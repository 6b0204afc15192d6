//! Counts the differences by rule, and finds those that no rule explains.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Judged;
use crate::changes::CHANGES;
use crate::known::{Difference, Peer, Rule, rules};

pub struct Tally {
    rules: BTreeMap<String, Rule>,
    tokens: usize,
    unchanged: usize,
    accepted: usize,
    /// How many tokens each rule's changes went into.
    tried: BTreeMap<&'static str, usize>,
    /// Tokens in which the two differ, by the rule that explains it; a token of two such rules counts for both.
    by_rule: BTreeMap<(String, Peer, Difference), usize>,
    /// The same, each token once.
    in_all: BTreeMap<(Peer, Difference), usize>,
    faults: Vec<String>,
    fault_count: usize,
}

/// So many faults are shown in full.
const SHOWN: usize = 40;

impl Tally {
    pub fn new() -> Self {
        let rules = rules();
        for change in CHANGES.iter() {
            assert!(rules.contains_key(change.id), "known.json does not have {}", change.id);
        }
        Self {
            rules,
            tokens: 0,
            unchanged: 0,
            accepted: 0,
            tried: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            in_all: BTreeMap::new(),
            faults: Vec::new(),
            fault_count: 0,
        }
    }

    pub fn add(&mut self, judged: &Judged) {
        self.tokens += 1;
        self.unchanged += usize::from(judged.changes.is_empty());
        for id in judged.ids() {
            *self.tried.entry(id).or_default() += 1;
        }
        let ours = judged.verdicts.ours.is_ok();
        self.accepted += usize::from(ours);
        if ours != judged.bad().is_empty() {
            self.fault("our own verdict is not the rule's", judged);
        }
        if ours && !judged.verdicts.openidconnect && !judged.verdicts.jsonwebtoken {
            self.fault("we take what both others refuse", judged);
        }
        for (peer, theirs) in
            Peer::ALL.into_iter().zip([judged.verdicts.openidconnect, judged.verdicts.jsonwebtoken])
        {
            match (ours, theirs) {
                (true, false) => self.difference(peer, Difference::Refuses, judged),
                (false, true) => self.difference(peer, Difference::Takes, judged),
                _ => {}
            }
        }
    }

    fn difference(&mut self, peer: Peer, difference: Difference, judged: &Judged) {
        *self.in_all.entry((peer, difference)).or_default() += 1;
        let knows = |id: &&str| self.rules.get(*id).is_some_and(|rule| rule.explains(peer, difference));
        let explaining = match difference {
            // A token that breaks two rules is explained only if the other is lenient about both.
            Difference::Takes if judged.bad().iter().all(knows) => judged.bad(),
            Difference::Takes => Vec::new(),
            Difference::Refuses => judged.ids().into_iter().filter(knows).collect(),
        };
        if explaining.is_empty() {
            self.fault(&format!("unexplained: {} {difference:?}", peer.name()), judged);
        }
        for id in explaining {
            *self.by_rule.entry((id.to_owned(), peer, difference)).or_default() += 1;
        }
    }

    fn fault(&mut self, what: &str, judged: &Judged) {
        self.fault_count += 1;
        if self.faults.len() < SHOWN {
            let Judged { number, changes, verdicts, token, .. } = judged;
            let token: String = token.chars().take(3_000).collect();
            self.faults.push(format!("{what}: token {number} {changes:?} {verdicts:?} {token:?}"));
        }
    }

    /// Known differences that no token showed: what is known is out of date, or there were too few tokens.
    fn unseen(&self) -> Vec<String> {
        let of_rule = |(id, rule): (&String, &Rule)| {
            let of_peer = |peer: Peer| {
                let seen =
                    |difference: &Difference| self.by_rule.contains_key(&(id.clone(), peer, *difference));
                let unseen = rule.known(peer).iter().filter(|difference| !seen(difference));
                unseen.map(|difference| format!("{id} {} {difference:?}", peer.name())).collect::<Vec<_>>()
            };
            Peer::ALL.into_iter().flat_map(of_peer).collect::<Vec<_>>()
        };
        self.rules.iter().flat_map(of_rule).collect()
    }

    /// Prints the table and the faults; whether there is none.
    pub fn report(&self, enough: bool) -> bool {
        println!("{}", self.table());
        for fault in &self.faults {
            eprintln!("{fault}");
        }
        let unseen = self.unseen();
        if !unseen.is_empty() {
            eprintln!("known, and not seen in {} tokens: {}", self.tokens, unseen.join(", "));
        }
        eprintln!(
            "{} tokens, {} unchanged, {} taken by us; {} faults",
            self.tokens, self.unchanged, self.accepted, self.fault_count
        );
        self.fault_count == 0 && (unseen.is_empty() || !enough)
    }

    fn table(&self) -> String {
        let mut table = String::from(
            "| rule | what is changed | tokens | openidconnect takes, we refuse | refuses, we take \
             | jsonwebtoken takes, we refuse | refuses, we take |\n| --- | --- | --: | --: | --: | --: | --: |\n",
        );
        let columns = Peer::ALL.map(|peer| [Difference::Takes, Difference::Refuses].map(|way| (peer, way)));
        for (id, rule) in &self.rules {
            let count =
                |(peer, way): &(Peer, Difference)| self.by_rule.get(&(id.clone(), *peer, *way)).copied();
            let counts: Vec<Option<usize>> = columns.iter().flatten().map(count).collect();
            if counts.iter().any(Option::is_some) {
                let tried = self.tried.get(id.as_str()).copied();
                row(&mut table, id, &rule.what, tried, &counts);
            }
        }
        let totals: Vec<_> =
            columns.iter().flatten().map(|column| self.in_all.get(column).copied()).collect();
        row(&mut table, "all", "each token once", Some(self.tokens), &totals);
        table
    }
}

fn row(table: &mut String, id: &str, what: &str, tokens: Option<usize>, counts: &[Option<usize>]) {
    let cell = |count: &Option<usize>| count.map_or(String::new(), |count| count.to_string());
    let cells: Vec<String> = std::iter::once(&tokens).chain(counts).map(cell).collect();
    let _ = writeln!(table, "| {id} | {what} | {} |", cells.join(" | "));
}
