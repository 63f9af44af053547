# libadatrace: the tracer API with its own drain, shared and static.
