//! Golden numbers of SmolLM2-135M-Instruct (Q4_1 GGUF), made once with llama.cpp on the same weights widened
//! to 32-bit floats (`benches/runtime/agreement.py` compares many more).

use std::path::PathBuf;

use empiric_jobs::model::{
    Flow, Generated, GenerationOptions, LoadedModel, Message, Observer, Role, Totals, generate, load,
};

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";

/// A user's question, the system message if it is not the template's own, the prompt's tokens after the
/// system message, and the first tokens of the greedy answer.
struct Golden {
    system: Option<&'static str>,
    question: &'static str,
    tokens: &'static [u32],
    greedy: &'static [u32],
}

/// What the template itself puts in front of a chat without a system message.
const DEFAULT_SYSTEM: [u32; 21] = [
    1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182,
    2, 198,
];

const GOLDEN: [Golden; 4] = [
    Golden {
        system: None,
        question: "What is the capital of France?",
        tokens: &[1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198],
        greedy: &[504, 3575, 282, 4649, 314, 7042, 30],
    },
    Golden {
        system: None,
        question: "How much is 17 + 25?",
        tokens: &[
            1, 4093, 198, 2020, 1083, 314, 216, 33, 39, 1232, 216, 34, 37, 47, 2, 198, 1, 520, 9531, 198,
        ],
        greedy: &[2068, 5482, 451, 1732, 28, 392, 737, 288, 808, 7728, 216, 33],
    },
    Golden {
        system: None,
        question: "Où est la réception, s'il vous plaît?",
        tokens: &[
            1, 4093, 198, 63, 45586, 1264, 2618, 412, 2756, 3296, 28, 262, 23, 301, 386, 488, 9255, 30736,
            100, 47, 2, 198, 1, 520, 9531, 198,
        ],
        greedy: &[63, 45586, 1264, 2618, 412, 2756, 3296, 28, 262, 23, 301, 386],
    },
    Golden {
        system: Some("Be brief."),
        question: "Who wrote Hamlet?",
        tokens: &[
            1, 9690, 198, 6077, 5453, 30, 2, 198, 1, 4093, 198, 10576, 4150, 24630, 47, 2, 198, 1, 520, 9531,
            198,
        ],
        greedy: &[29564, 2016, 314, 260, 216, 35, 7212, 282, 12081, 506, 216, 36],
    },
];

impl Golden {
    fn messages(&self) -> Vec<Message> {
        let system = self.system.map(|text| Message::new(Role::System, text));
        system.into_iter().chain([Message::new(Role::User, self.question)]).collect()
    }

    fn prompt(&self) -> Vec<u32> {
        let opening: &[u32] = if self.system.is_some() { &[] } else { &DEFAULT_SYSTEM };
        [opening, self.tokens].concat()
    }
}

fn model() -> LoadedModel {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the SmolLM2-135M-Instruct Q4_1 GGUF file; `make test` fetches the file and sets it"
        );
    };
    load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

struct Collect(Vec<Option<Generated>>);

impl Observer for Collect {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.0[index] = Some(answer);
        Flow::Continue
    }
}

fn answers(model: &LoadedModel, prompts: &[Vec<u32>], batch: usize, max_tokens: usize) -> Vec<Vec<u32>> {
    let mut collect = Collect(vec![None; prompts.len()]);
    let options = GenerationOptions { max_tokens, stop: &[], batch, ..Default::default() };
    generate(model, prompts, &options, &mut collect).unwrap();
    collect.0.into_iter().map(|answer| answer.unwrap().tokens).collect()
}

#[test]
fn tokens_and_answers_are_those_of_another_implementation() {
    let model = model();
    let opened: Vec<String> = model
        .tokenizer
        .encode("<|im_start|>assistant\n")
        .unwrap()
        .into_iter()
        .map(|id| model.tokenizer.token(id).unwrap())
        .collect();
    assert_eq!(opened, ["<|im_start|>", "ass", "istant", "Ċ"]);

    let prompts: Vec<Vec<u32>> =
        GOLDEN.iter().map(|golden| model.prompt(&golden.messages(), "").unwrap()).collect();
    let expected: Vec<Vec<u32>> = GOLDEN.iter().map(Golden::prompt).collect();
    assert_eq!(prompts, expected);

    let greedy: Vec<&[u32]> = GOLDEN.iter().map(|golden| golden.greedy).collect();
    assert_eq!(answers(&model, &prompts, 4, 12), greedy);
    assert_eq!(answers(&model, &prompts, 1, 12), greedy);
}

#[test]
fn a_batch_of_thirty_two_answers_as_a_batch_of_one() {
    let model = model();
    let subjects =
        ["parking", "leave", "uniforms", "allergies", "lost keys", "payroll", "fire drills", "tips"];
    let prompts: Vec<Vec<u32>> = (0..32)
        .map(|i| {
            let question =
                format!("{} What are the rules for {}?", "Please. ".repeat(i / 8), subjects[i % 8]);
            let system = Message::new(Role::System, "You answer questions of hotel staff in a few words.");
            model.prompt(&[system, Message::new(Role::User, question)], "").unwrap()
        })
        .collect();
    assert_eq!(answers(&model, &prompts, 32, 8), answers(&model, &prompts, 1, 8));
}

#[test]
fn the_path_for_devices_gives_the_same_tokens() {
    let model = model();
    let prompts: Vec<Vec<u32>> = GOLDEN.iter().map(Golden::prompt).collect();
    let greedy: Vec<&[u32]> = GOLDEN.iter().map(|golden| golden.greedy).collect();
    let on_device = model.onto(&candle_core::Device::Cpu).unwrap();
    assert_eq!(answers(&on_device, &prompts, 4, 12), greedy);
}
