//! The models that a process keeps from job to job.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use empiric_schema::artifact::{ArtifactRef, Digest};

use crate::model::DeviceChoice;

/// Holds at most one loaded model of each type: a language model and the encoder that finds its passages
/// stand beside each other. A model is named by the digests of its files. What is held is shared and therefore
/// never changed; whether the files still are what their digests say is checked before, by the runner.
#[derive(Debug, Default)]
pub struct ModelCache {
    held: Mutex<HashMap<TypeId, Held>>,
    device: DeviceChoice,
}

#[derive(Debug)]
struct Held {
    files: Vec<Digest>,
    model: Arc<dyn Any + Send + Sync>,
}

impl ModelCache {
    /// For models that answer on this device. The default is main memory.
    pub fn on(device: DeviceChoice) -> Self {
        Self { device, ..Self::default() }
    }

    /// Where models that answer are loaded to.
    pub fn device(&self) -> DeviceChoice {
        self.device
    }

    /// The model made of these files, as it was loaded before or as `load` gives it.
    ///
    /// # Errors
    /// Those of `load`; no model of the type is held then.
    pub fn get_or_load<T, E>(
        &self,
        files: &[&ArtifactRef],
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E>
    where
        T: Send + Sync + 'static,
    {
        let files: Vec<Digest> = files.iter().map(|file| file.digest.clone()).collect();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = TypeId::of::<T>();
        if let Some(model) = held.get(&kind).and_then(|held| held.get(&files)) {
            return Ok(model);
        }
        // Let go before the next is loaded: the memory may not be enough for two.
        held.remove(&kind);
        let model = Arc::new(load()?);
        held.insert(kind, Held { files, model: model.clone() });
        Ok(model)
    }
}

impl Held {
    fn get<T: Send + Sync + 'static>(&self, files: &[Digest]) -> Option<Arc<T>> {
        if self.files != files { None } else { self.model.clone().downcast().ok() }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn file(name: &str) -> ArtifactRef {
        ArtifactRef { digest: Digest::of(name.as_bytes()), size: 1, media_type: "test".into() }
    }

    fn get(cache: &ModelCache, names: &[&str], load: impl FnOnce() -> String) -> Arc<String> {
        let files: Vec<ArtifactRef> = names.iter().map(|name| file(name)).collect();
        let files: Vec<&ArtifactRef> = files.iter().collect();
        cache.get_or_load(&files, || Ok::<_, Infallible>(load())).unwrap()
    }

    #[test]
    fn the_same_files_are_loaded_once() {
        let cache = ModelCache::default();
        let first = get(&cache, &["weights", "config"], || "model".into());
        let again = get(&cache, &["weights", "config"], || unreachable!("it is held"));
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn another_model_replaces_the_one_that_is_held_before_it_is_loaded() {
        let cache = ModelCache::default();
        let first = Arc::downgrade(&get(&cache, &["weights"], || "model".into()));
        let other = get(&cache, &["weights", "config"], || {
            assert!(first.upgrade().is_none(), "two models would be in memory");
            "other".into()
        });
        assert_eq!(*other, "other");
    }

    #[test]
    fn models_of_two_types_are_held_beside_each_other() {
        let cache = ModelCache::default();
        let text = get(&cache, &["weights"], || "text".into());
        let number = || cache.get_or_load(&[&file("weights")], || Ok::<_, Infallible>(7)).unwrap();
        assert_eq!(*number(), 7);
        assert!(Arc::ptr_eq(&text, &get(&cache, &["weights"], || unreachable!("it is held"))));
        assert!(Arc::ptr_eq(&number(), &number()));
    }

    #[test]
    fn a_failed_load_is_not_held() {
        let cache = ModelCache::default();
        get(&cache, &["other"], || "text".into());
        assert!(cache.get_or_load::<String, _>(&[&file("weights")], || Err("broken")).is_err());
        assert_eq!(*get(&cache, &["weights"], || "loaded again".into()), "loaded again");
    }
}
