//! Chats of the hotel's items, with a tiny random model: what it would say does not matter here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::job::{ChatExample, Chunking};
use empiric_schema::version::{
    Demonstrations, IndexBinding, PassageOrder, Ranking, Retrieval, SystemVersion, Tool, ToolRouting, ToolUse,
};
use tempfile::TempDir;

use super::*;
use crate::answer::Answerer;
use crate::items::read_items;
use crate::model::tiny::TinyModel;
use crate::retrieve::{chunk, read_corpus, tar_of, words};
use crate::runner::fixture::{reference, version};

const HOTEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/staff-handbook");

/// The chunks of the handbook.
fn handbook() -> Vec<Chunk> {
    let mut files: Vec<_> = std::fs::read_dir(Path::new(HOTEL).join("handbook")).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::path);
    let files: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|file| (format!("handbook/{}", file.file_name().display()), std::fs::read(file.path()).unwrap()))
        .collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let documents = read_corpus(tar_of(&files).as_slice()).unwrap();
    let chunking = Chunking { max_words: 120, overlap: 0 };
    documents.iter().flat_map(|document| chunk(document, &chunking).unwrap()).collect()
}

struct Hotel {
    _folder: TempDir,
    answerer: Answerer,
}

/// A version that shows three chunks, the tools as given.
fn hotel(chunks: &[Chunk], change: impl FnOnce(&mut SystemVersion)) -> Hotel {
    let folder = TempDir::new().unwrap();
    let weights = TinyModel::new(5, true).write_gguf(folder.path(), candle_core::quantized::GgmlDType::Q8_0);
    let path = folder.path().join("chunks.jsonl");
    std::fs::write(&path, crate::kinds::json_lines(chunks)).unwrap();
    let index = IndexBinding { chunks: reference(&path), dense: None };
    let mut version = SystemVersion {
        demonstrations: Demonstrations::None,
        retrieval: Some(Retrieval {
            index,
            ranking: Ranking::Lexical,
            k: 3,
            order: PassageOrder::BestFirst,
            abstain: None,
        }),
        ..version(reference(&weights), none())
    };
    change(&mut version);
    let inputs = BTreeMap::from([(reference(&weights).digest, weights), (reference(&path).digest, path)]);
    let answerer = Answerer::load(version, &inputs).unwrap();
    Hotel { _folder: folder, answerer }
}

fn none() -> ArtifactRef {
    ArtifactRef { digest: Digest::of(b""), size: 0, media_type: "none".into() }
}

fn calculator(version: &mut SystemVersion) {
    version.tools = Some(ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Learned });
}

fn craft(hotel: &Hotel, items: &[Item], variants: usize, held: f64) -> Crafted {
    Crafter { answerer: &hotel.answerer, variants, distractors: 0, seed: 1, answers: None }
        .craft(items, 1.0, held)
        .unwrap()
}

fn train() -> Vec<Item> {
    read_items(&Path::new(HOTEL).join("data/train.jsonl")).unwrap()
}

fn said(chat: &ChatExample) -> &str {
    &chat.messages.last().unwrap().content
}

fn chats_of<'a>(crafted: &'a Crafted, id: &str) -> Vec<&'a ChatExample> {
    let is_of = |chat: &&ChatExample| chat.id.split('#').next() == Some(id);
    crafted.train.iter().chain(&crafted.dev).filter(is_of).collect()
}

#[test]
fn every_item_of_the_hotel_becomes_chats_of_its_kind() {
    let hotel = hotel(&handbook(), calculator);
    let crafted = craft(&hotel, &train(), 2, 0.1);
    let tally = crafted.tally;
    assert_eq!((tally.items, tally.left_out), (421, 0));
    assert_eq!((tally.abstentions, tally.refusals, tally.tool_calls), (42, 32, 47));
    // All but abstentions have a gold passage, and so two chats.
    assert_eq!(crafted.train.len() + crafted.dev.len(), 42 + 2 * (421 - 42));
    let share = crafted.dev.len() as f64 / (42 + 2 * (421 - 42)) as f64;
    assert!((0.05..0.15).contains(&share), "{share}");
}

#[test]
fn a_chat_is_what_the_version_asks_and_ends_with_what_it_should_say() {
    let hotel = hotel(&handbook(), calculator);
    let crafted = craft(&hotel, &train(), 2, 0.0);
    let chats = chats_of(&crafted, "train-023");
    assert_eq!(chats.len(), 2);
    for chat in &chats {
        let roles: Vec<&str> = chat.messages.iter().map(|turn| turn.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant"]);
        assert_eq!(said(chat), "A:£<<6 * 102.50>>");
        let asked = &chat.messages[1].content;
        assert!(asked.contains("102.50") && asked.contains("Q: I did 6 keeping-in-touch days"), "{asked}");
    }
    assert_ne!(chats[0].messages[1], chats[1].messages[1]);
    assert_eq!(said(chats_of(&crafted, "train-001")[0]), "A:34 days");
    assert_eq!(said(chats_of(&crafted, "train-014")[0]), "A:cannot share");
    let abstention = chats_of(&crafted, "train-005");
    assert_eq!((abstention.len(), said(abstention[0])), (1, "A:handbook does not say"));
    assert!(abstention[0].messages[1].content.len() > 500, "distractors are shown");
}

#[test]
fn the_gold_passage_is_in_every_chat_of_a_fact() {
    let chunks = handbook();
    let hotel = hotel(&chunks, calculator);
    let items = train();
    let crafted = craft(&hotel, &items, 3, 0.0);
    assert!(crafted.tally.gold_missed > 0);
    for item in items.iter().filter(|item| item.tags.iter().any(|tag| tag == "lookup")) {
        for chat in chats_of(&crafted, item.id.as_str()) {
            let asked = &chat.messages[1].content;
            let asked: Vec<String> = words(asked).collect();
            let is_shown = |answer: &String| {
                let answer: Vec<String> = words(answer).collect();
                asked.windows(answer.len()).any(|window| window == answer)
            };
            let shown = item.expected.alternatives().iter().any(is_shown);
            assert!(shown, "{}: {asked:?}", chat.id);
        }
    }
}

#[test]
fn every_second_item_has_more_passages_than_are_shown() {
    let hotel = hotel(&handbook(), |version| version.retrieval.as_mut().unwrap().k = 1);
    let items = train();
    let crafter = Crafter { answerer: &hotel.answerer, variants: 1, distractors: 2, seed: 1, answers: None };
    let crafted = crafter.craft(&items, 1.0, 0.0).unwrap();
    for (place, item) in items.iter().enumerate().filter(|(_, item)| !item.documents.is_empty()).take(40) {
        let asked = &chats_of(&crafted, item.id.as_str())[0].messages[1].content;
        assert_eq!(asked.matches("\n\n").count(), 1 + 2 * (place % 2), "{asked}");
    }
}

#[test]
fn without_a_calculator_the_result_is_said() {
    let hotel = hotel(&handbook(), |_| ());
    let crafted = craft(&hotel, &train(), 1, 0.0);
    assert_eq!(crafted.tally.tool_calls, 0);
    assert_eq!(said(chats_of(&crafted, "train-023")[0]), "A:£615");
}

#[test]
fn answers_that_nothing_speaks_for_are_left_out() {
    let line = |id: &str, expected: &str, rest: &str| {
        let text = format!(
            r#"{{"id":"{id}","input":"How many days?","expected":"{expected}","documents":["handbook/annual-leave.md"]{rest}}}"#
        );
        serde_json::from_str::<Item>(&text).unwrap()
    };
    let items = [
        line("right", "34 days", ""),
        line("wrong", "97 days", ""),
        line("worked", "£615", r#","tags":["work: 6 * 102.50 = 615"]"#),
        line("miscalculated", "£614", r#","tags":["work: 6 * 102.50 = 614"]"#),
        line("secret", "no", r#","forbidden":["34 days"]"#),
        line("declined", "no", ""),
    ];
    let elsewhere = Item { documents: vec!["handbook/none.md".into()], ..line("elsewhere", "34 days", "") };
    let items: Vec<Item> = items.into_iter().chain([elsewhere]).collect();
    let hotel = hotel(&handbook(), |_| ());
    let crafted = craft(&hotel, &items, 1, 0.0);
    let ids: Vec<&str> = crafted.train.iter().map(|chat| chat.id.as_str()).collect();
    assert_eq!(ids, ["right#1", "worked#1", "secret#1", "declined#1"]);
    assert_eq!((crafted.tally.left_out, crafted.tally.refusals), (3, 2));
}

#[test]
fn a_version_that_looks_nothing_up_teaches_what_is_expected() {
    let hotel = hotel(&handbook(), |version| version.retrieval = None);
    let crafted = craft(&hotel, &train(), 3, 0.0);
    assert_eq!(crafted.train.len(), 421);
    assert_eq!((crafted.tally.left_out, crafted.tally.abstentions), (0, 0));
    let asked = "Q: What's the most leave anyone can build up to with long service?";
    assert_eq!(chats_of(&crafted, "train-001")[0].messages[1].content, asked);
}

#[test]
fn the_same_seed_gives_the_same_chats_and_no_document_is_on_both_sides() {
    let hotel = hotel(&handbook(), calculator);
    let items = train();
    let crafted = craft(&hotel, &items, 2, 0.2);
    assert_eq!(crafted, craft(&hotel, &items, 2, 0.2));
    let documents = |chats: &[ChatExample]| -> BTreeSet<String> {
        let of = |chat: &ChatExample| {
            let id = chat.id.split('#').next().unwrap().to_owned();
            items.iter().find(|item| item.id.as_str() == id).unwrap().documents.clone()
        };
        chats.iter().flat_map(of).collect()
    };
    assert!(documents(&crafted.train).is_disjoint(&documents(&crafted.dev)));
    let half = Crafter { answerer: &hotel.answerer, variants: 2, distractors: 0, seed: 1, answers: None }
        .craft(&items, 0.5, 0.2)
        .unwrap();
    assert_eq!(half.tally.items, 211);
}
