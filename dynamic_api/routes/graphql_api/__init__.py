"""`/graphql`: thin resolvers over the services, on the schema in `dynamic_api/sx/schema.graphql`."""
