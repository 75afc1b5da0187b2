//! The states of features, kept by type, so that the application state knows none of them.

use std::any::Any;
use std::fmt;

/// The state of a feature.
pub trait State: fmt::Debug + Any + Send + Sync {
    /// Returns a copy.
    fn boxed(&self) -> Box<dyn State>;

    /// Returns the state before anything happened.
    fn initial() -> &'static Self
    where
        Self: Sized;
}

impl Clone for Box<dyn State> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// Makes a type the state of a feature.
macro_rules! state {
    ($state:ty) => {
        impl $crate::console::state::State for $state {
            fn boxed(&self) -> Box<dyn $crate::console::state::State> {
                Box::new(self.clone())
            }

            fn initial() -> &'static Self {
                static INITIAL: std::sync::LazyLock<$state> = std::sync::LazyLock::new(<$state>::default);
                &INITIAL
            }
        }
    };
}

pub(in crate::console) use state;

/// The states that changed so far; any other is in its initial state.
#[derive(Clone, Debug, Default)]
pub struct States(Vec<Box<dyn State>>);

impl States {
    /// Returns the state of type `T`.
    pub fn get<T: State>(&self) -> &T {
        let found = self.0.iter().find_map(|state| {
            let state: &dyn Any = state.as_ref();
            state.downcast_ref()
        });
        found.unwrap_or_else(|| T::initial())
    }

    /// Returns the state of type `T` for changes.
    pub fn get_mut<T: State + Clone>(&mut self) -> &mut T {
        let mut types = self.0.iter().map(|state| {
            let state: &dyn Any = state.as_ref();
            state.is::<T>()
        });
        let at = types.position(|is_it| is_it).unwrap_or_else(|| {
            self.0.push(T::initial().boxed());
            self.0.len() - 1
        });
        let state: &mut dyn Any = self.0[at].as_mut();
        match state.downcast_mut() {
            Some(state) => state,
            None => unreachable!("its type was checked above"),
        }
    }
}
