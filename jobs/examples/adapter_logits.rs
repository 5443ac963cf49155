//! Writes the logits of one text under an adapter, for comparison with Hugging Face's peft
//! (`benches/runtime/peft_check.py`).
//!
//! Usage: `adapter_logits MODEL ADAPTER TEXT`, where ADAPTER is a folder in PEFT's layout. Writes one JSON object:
//! `{"tokens": [..], "logits": [[..], ..]}`.

use std::io::Write as _;
use std::path::Path;

use empiric_jobs::model::{Adapter, AdapterBase, KvCache, Segment, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, adapter, text] = words.as_slice() else {
        return Err("usage: adapter_logits MODEL ADAPTER TEXT".into());
    };
    let model = load(Path::new(model))?;
    let folder = Path::new(adapter);
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("adapter_config.json"))?)?;
    let name = config["base_model_name_or_path"].as_str().unwrap_or_default();
    let base = AdapterBase { config: model.llama.config(), name };
    let weights = folder.join("adapter_model.safetensors");
    let adapter = Adapter::load(&folder.join("adapter_config.json"), &weights, base)?;
    let tokens = model.tokenizer.encode(text)?;
    let wanted: Vec<u32> = (0..tokens.len() as u32).collect();
    let mut cache = KvCache::new(model.llama.config(), tokens.len());
    let segment = Segment { tokens: &tokens, cache: &mut cache, adapter: Some(&adapter) };
    let logits = model.llama.forward_at(&mut [segment], &wanted)?.to_vec2::<f32>()?;
    writeln!(std::io::stdout(), "{}", serde_json::json!({"tokens": tokens, "logits": logits}))?;
    Ok(())
}
